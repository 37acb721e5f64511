package console

import (
	"crm-connectors/handlers"
)

// The chart's measures, in its own units.
const (
	chartWidth, chartHeight = 720, 120
	chartFoot               = 8 // below the bars, for the ticks
)

// chartView is the last hour as bars, one a minute, stacked by outcome.
type chartView struct {
	Width, Height, Base     int
	Bars                    []bar
	Ticks                   []int // where quarters of an hour begin
	Most                    int   // writes in the busiest minute
	Written, Failed, Review int   // in the whole hour
}

type bar struct {
	X, Y, Width, Height float64
	Tone                string
}

func chart(minutes []handlers.Minute) chartView {
	v := chartView{Width: chartWidth, Height: chartHeight, Base: chartHeight - chartFoot}
	for _, m := range minutes {
		v.Written, v.Failed, v.Review = v.Written+m.Written, v.Failed+m.Failed, v.Review+m.Review
		v.Most = max(v.Most, m.Written+m.Failed+m.Review)
	}
	if len(minutes) == 0 {
		return v
	}
	step := float64(chartWidth) / float64(len(minutes))
	for i, m := range minutes {
		x, y := float64(i)*step, float64(v.Base)
		for _, part := range []struct {
			n    int
			tone string
		}{{m.Written, "good"}, {m.Review, "warn"}, {m.Failed, "bad"}} {
			if part.n == 0 {
				continue
			}
			height := max(float64(part.n)*float64(v.Base-4)/float64(v.Most), 1.5) // one failure is seen beside thousands
			y -= height
			v.Bars = append(v.Bars, bar{X: round(x + 1), Y: round(max(y, 0)), Width: round(step - 2), Height: round(height), Tone: part.tone})
		}
		if m.At.Minute()%15 == 0 {
			v.Ticks = append(v.Ticks, int(x))
		}
	}
	return v
}

func round(f float64) float64 { return float64(int(f*10+0.5)) / 10 }
