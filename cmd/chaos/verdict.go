package main

// verdict is what one schedule or many came to. As JSON it is the last line of a run.
type verdict struct {
	Schedules  int `json:"schedules"`
	Faulted    int `json:"faulted"` // in which a fault really struck
	Duplicates int `json:"duplicates"`
	Lost       int `json:"lost"`
	Flagged    int `json:"flagged"`
	Stuck      int `json:"stuck"`
	Alarmed    int `json:"-"` // duplicates that the service reported by itself

	problems []string
	flags    []string
}

func (v *verdict) add(o verdict) {
	v.Schedules += o.Schedules
	v.Faulted += o.Faulted
	v.Duplicates += o.Duplicates
	v.Lost += o.Lost
	v.Flagged += o.Flagged
	v.Stuck += o.Stuck
	v.Alarmed += o.Alarmed
}

// broken says that the promise was broken. Beyond the bounds a duplicate is allowed, and a silent one is not.
func (v verdict) broken(beyond bool) bool {
	duplicates := v.Duplicates
	if beyond {
		duplicates -= v.Alarmed
	}
	return duplicates > 0 || v.Lost > 0 || v.Stuck > 0
}
