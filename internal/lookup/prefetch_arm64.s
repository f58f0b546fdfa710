//go:build !purego

#include "textflag.h"

// func prefetchLine(address unsafe.Pointer)
TEXT ·prefetchLine(SB), NOSPLIT|NOFRAME, $0-8
	MOVD address+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET
