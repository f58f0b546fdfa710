package token

import (
	"context"
	"testing"
	"time"
)

// TestAnAnswerThatCameMeanwhileIsNotAskedFor: a caller that found no answer before another's query
// ended does not begin the query again.
func TestAnAnswerThatCameMeanwhileIsNotAskedFor(t *testing.T) {
	in, err := NewIntrospector(IntrospectorConfig{Form: Form{MinLength: 16, MaxLength: 64}, Ask: func(context.Context, string) ([]byte, error) {
		t.Error("the issuer is asked again")
		return nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	o, i, now := in.get(), &Issuer{Name: "https://id.example"}, time.Now()
	raw := "an opaque token of some length"
	d := (&cache{}).digest(raw)
	said := &answer{issuer: i, until: now.Add(opaqueAge), err: refusal("not active")}
	o.answers.Set(d, said)
	q, err := o.startQuery(t.Context(), i, d, raw, now)
	if err != nil {
		t.Fatal(err)
	}
	<-q.done
	if q.said != said || q.err != nil {
		t.Errorf("got %+v, %v", q.said, q.err)
	}
}
