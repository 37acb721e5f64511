package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/sim"
)

const (
	// writing are the paths of calls that make or change records.
	writing = `/objects/(contacts|tasks|notes)(/batch/(create|upsert|update)|/\d+)?$|/sobjects/|/composite`
	// The service allows a CRM 2 s from the end of a call to its execution: build.Waits.
	latestCommit = 900
	farTooLate   = 6000
)

var (
	// creates are the calls that make or change records, and activities those that make tasks and notes, as package wire names them.
	creates    = regexp.MustCompile(`^(POST|PATCH) .*(/objects/(contacts|tasks|notes)(/batch/(create|upsert|update)|/\{id\})?|/sobjects/(Lead|Contact|Task)(/.*)?|/composite.*)$`)
	activities = regexp.MustCompile(`^(POST|PATCH) .*(/objects/(tasks|notes)|/sobjects/Task(/.*)?)$`)
)

func anyHarm(r *rand.Rand) cut.Harm { return []cut.Harm{cut.FIN, cut.RST, cut.Hole}[r.IntN(3)] }

func anyCRM(r *rand.Rand) string { return []string{lane.HubSpot, lane.Salesforce}[r.IntN(2)] }

func anyReplica(t *trial, r *rand.Rand) *lane.Replica {
	all := t.bench.lane.Replicas()
	return all[r.IntN(len(all))]
}

// faultMenu is what a random schedule picks from. Beyond the bounds commits and the index are later than the service assumes.
func faultMenu(beyond bool, on tier) []func(*rand.Rand) fault {
	latest := latestCommit
	if beyond {
		latest = farTooLate
	}
	menu := []func(*rand.Rand) fault{
		killFault, killAtCallFault, killAtCallFault, pauseFault, cutRequestFault,
		cutAnswerFault,
		lateFault("slow commit", func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultCommitSlow, LatencyMS: 200 + r.IntN(latest)}
		}),
		lateFault("late commit", func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultCommitLate, LatencyMS: 20 + r.IntN(latest)}
		}),
		crmFault("commit, then cut", func(*rand.Rand) sim.Fault { return sim.Fault{Kind: sim.FaultCutAfter} }),
		crmFault("commit, then silence", func(*rand.Rand) sim.Fault { return sim.Fault{Kind: sim.FaultHangAfter} }),
		crmFault("truncated answer", func(*rand.Rand) sim.Fault { return sim.Fault{Kind: sim.FaultTruncate} }),
		crmFault("answer twice", func(*rand.Rand) sim.Fault { return sim.Fault{Kind: sim.FaultAnswerTwice} }),
		crmFault("late answer", func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultAnswerLate, LatencyMS: 300 + r.IntN(900)}
		}),
		crmFault("5xx after commit", func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultStatusAfter, Status: []int{500, 502, 503, 504}[r.IntN(4)], Times: 1 + r.IntN(2)}
		}),
		crmFault("5xx", func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultStatus, Status: []int{500, 502, 503}[r.IntN(3)], Times: 1 + r.IntN(3)}
		}),
		crmFault("redirect", redirect),
		rateLimitFault, tokenFault, indexLagFault(latest), databaseCrash, databaseCut,
	}
	if !beyond {
		menu = append(menu, personFaults(on)...)
	}
	if beyond { // what matters here, more often
		menu = append(append(menu, menu[6:8]...), menu[7], indexLagFault(latest))
	}
	return menu
}

// redirect answers after the commit with a way to the same address, or to a page that says all is well.
func redirect(r *rand.Rand) sim.Fault {
	status := []int{301, 302, 303, 307, 308}[r.IntN(5)]
	f := sim.Fault{Kind: sim.FaultStatusAfter, Status: status, Headers: map[string]string{"Location": "?"}}
	if r.IntN(2) == 0 {
		f.Kind = sim.FaultStatus
	}
	return f
}

func crmFault(name string, make func(*rand.Rand) sim.Fault) func(*rand.Rand) fault {
	return func(r *rand.Rand) fault {
		crm, f := anyCRM(r), make(r)
		if f.Path = writing; r.IntN(4) == 0 {
			f.Path = "/crm/|/services/data"
		}
		return fault{kind: crm + " " + name, do: func(ctx context.Context, t *trial, _ *rand.Rand) error { return t.bench.lane.Fault(ctx, crm, f) }}
	}
}

// lateFault is a CRM's fault by which a request is executed later than anybody waits for it.
func lateFault(name string, make func(*rand.Rand) sim.Fault) func(*rand.Rand) fault {
	return func(r *rand.Rand) fault {
		f := crmFault(name, make)(r)
		f.unseen, f.late = true, true
		return f
	}
}

// killAtCallFault kills a replica just before or after a call has left: with one replica, the one that calls.
func killAtCallFault(*rand.Rand) fault {
	return fault{kind: "kill at the call", deed: func(t *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error) {
		victim := anyReplica(t, r)
		killed := newDeed()
		v := cut.Verdict{Bytes: len(e.Text), Do: func() { killed.done <- victim.Kill() }}
		if r.IntN(2) == 0 {
			v.Bytes, v.Harm = 0, cut.RST
		}
		wait := time.Duration(r.IntN(500)) * time.Millisecond
		return v, func(ctx context.Context) error {
			return errors.Join(killed.wait(ctx), sleep(ctx, wait), victim.Ensure(ctx))
		}
	}}
}

// killFault kills a replica at any time and starts it again a while later.
func killFault(*rand.Rand) fault {
	return fault{kind: "kill", do: func(ctx context.Context, t *trial, r *rand.Rand) error {
		victim := anyReplica(t, r)
		err := victim.Kill()
		return errors.Join(err, sleep(ctx, time.Duration(r.IntN(500))*time.Millisecond), victim.Ensure(ctx))
	}}
}

// pauseFault freezes a replica, mostly for longer than its lease.
func pauseFault(*rand.Rand) fault {
	return fault{kind: "pause", do: func(ctx context.Context, t *trial, r *rand.Rand) error {
		return anyReplica(t, r).Freeze(ctx, time.Duration(300+r.IntN(3200))*time.Millisecond)
	}}
}

func cutRequestFault(*rand.Rand) fault {
	return fault{kind: "cut of a request", deed: func(_ *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error) {
		return cut.Verdict{Bytes: r.IntN(len(e.Text) + 1), Harm: anyHarm(r)}, nil
	}}
}

func cutAnswerFault(r *rand.Rand) fault {
	return fault{kind: "cut of an answer", at: moment{nth: 1 + r.IntN(lastCall), down: true}, deed: func(_ *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error) {
		return cut.Verdict{Bytes: r.IntN(len(e.Text) + 1), Harm: anyHarm(r)}, nil
	}}
}

func rateLimitFault(r *rand.Rand) fault {
	crm := anyCRM(r)
	f := sim.Fault{Kind: sim.FaultStatus, Status: http.StatusTooManyRequests, Path: "/crm/|/services/data", Times: 2 + r.IntN(6)}
	if crm == lane.HubSpot {
		f.Body = `{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}`
	} else {
		f.Headers = map[string]string{"Retry-After": "1"}
		f.Body = `[{"message":"Too many requests","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`
	}
	return fault{kind: crm + " 429 storm", do: func(ctx context.Context, t *trial, _ *rand.Rand) error { return t.bench.lane.Fault(ctx, crm, f) }}
}

// tokenFault ends all access tokens; the next refresh gives a new refresh token and ends the old.
func tokenFault(r *rand.Rand) fault {
	crm := anyCRM(r)
	return fault{kind: crm + " tokens expire", do: func(ctx context.Context, t *trial, _ *rand.Rand) error {
		var err error
		if crm == lane.HubSpot {
			err = t.bench.behave(ctx, crm, map[string]any{"rotate_refresh_tokens": true})
		}
		return errors.Join(err, t.bench.lane.Control(ctx, crm, http.MethodPost, "expire-tokens", nil, nil))
	}}
}

func indexLagFault(latest int) func(*rand.Rand) fault {
	return func(r *rand.Rand) fault {
		lag := 100 + r.IntN(latest)
		return fault{kind: "index lag", do: func(ctx context.Context, t *trial, _ *rand.Rand) error {
			return t.bench.behave(ctx, lane.HubSpot, map[string]any{"search_lag_ms": lag})
		}}
	}
}

func databaseCrash(*rand.Rand) fault {
	return fault{kind: "Postgres crash", do: func(ctx context.Context, t *trial, _ *rand.Rand) error { return t.bench.own.Crash(ctx) }}
}

func databaseCut(*rand.Rand) fault {
	return fault{kind: "Postgres cut off", do: func(ctx context.Context, t *trial, r *rand.Rand) error {
		return t.bench.lane.Cut(ctx, lane.Postgres, time.Duration(r.IntN(400))*time.Millisecond)
	}}
}
