package impact

import (
	"math"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
)

const (
	perSecond = 1_000_000
	noonUnix  = 946_728_000 // when requests are decided that say no time
)

func (d *domain) numbersOf(a *condition.Attribute, c *component) (all []any) {
	low, high := math.Inf(-1), math.Inf(1)
	if a.Part() == condition.PartEnv {
		switch a.Name {
		case condition.EnvHour:
			low, high = 0, 23
		case condition.EnvWeekday:
			low, high = 1, 7
		}
	}
	list := slices.Clone(c.numbers)
	for _, at := range c.moments { // beside an int, which counts seconds
		list = append(list, math.Floor(float64(at)/perSecond), math.Ceil(float64(at)/perSecond))
	}
	if c.times && len(list) == 0 {
		list = []float64{noonUnix}
	}
	if len(list) == 0 {
		list = []float64{max(low, 1)}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	points := slices.Clone(list)
	margin := 1.0
	if c.pairs {
		margin = 2
		d.complete = d.complete && c.vars <= 2
	}
	for i, n := range list {
		for step := 1.0; step <= margin; step++ {
			points = append(points, math.Floor(n)+step, math.Ceil(n)-step)
		}
		if i+1 < len(list) && a.Kind == condition.KindFloat {
			for step := 1.0; step <= margin; step++ {
				points = append(points, n+(list[i+1]-n)*step/(margin+1))
			}
		}
	}
	for _, n := range distinct(points) {
		switch {
		case n < low || n > high:
		case a.Kind == condition.KindFloat:
			all = append(all, n)
		case n == math.Trunc(n) && math.Abs(n) <= 1<<53:
			all = append(all, int64(n))
		}
	}
	return all
}

// timesOf returns the constants, what lies beside them, and the whole seconds of numbers.
func (d *domain) timesOf(c *component) (all []any) {
	list := slices.Clone(c.moments)
	numbers := c.numbers
	if c.pairs && len(numbers) == 0 && len(list) == 0 {
		numbers = []float64{noonUnix}
	}
	for _, n := range numbers {
		for step := -2.0; step <= 2; step++ {
			if x := math.Floor(n) + step; math.Abs(x) < 1e12 {
				list = append(list, int64(x)*perSecond)
			}
		}
	}
	if len(list) == 0 {
		list = []int64{noonUnix * perSecond}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	margin := int64(1)
	if c.pairs {
		margin = 2
		d.complete = d.complete && c.vars <= 2
	}
	for _, at := range list {
		for step := -margin; step <= margin; step++ {
			all = append(all, time.UnixMicro(at+step).UTC())
		}
	}
	return distinct(all)
}
