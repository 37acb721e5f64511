package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/sim"
)

const tasksPath = `/objects/(tasks|notes)(/batch/create)?$`

var (
	newTask   = regexp.MustCompile(`^POST .*/objects/(tasks|notes)(/batch/create)?$`)
	newPerson = regexp.MustCompile(`^POST .*/objects/contacts/search$`)
	update    = regexp.MustCompile(`^PATCH .*/objects/contacts/\{id\}$`)
	settling  = regexp.MustCompile(`^B\S* select from crm_connections where id in`) // the first of what a worker says about its writes
	claiming  = regexp.MustCompile(`commit after with candidates as materialized`)
)

// aims gives each planted bug the schedules in which it must show.
func aims() map[string]func(seed int64) plan {
	task := []string{"hubspot-task", "hubspot-note"}
	spoiled := func(f func(*rand.Rand) sim.Fault) func(int64) plan {
		return aimAt(tierRead, 1, task, func(r *rand.Rand) []fault { return []fault{atFirst(lane.HubSpot, f(r))} })
	}
	after := func(kind sim.FaultKind) func(*rand.Rand) sim.Fault {
		return func(*rand.Rand) sim.Fault { return sim.Fault{Kind: kind, Path: tasksPath} }
	}
	late := func(from, to int) func(*rand.Rand) sim.Fault {
		return func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultCommitLate, Path: tasksPath, LatencyMS: from + r.IntN(to-from)}
		}
	}
	killed := aimAt(tierRead, 1, task, func(*rand.Rand) []fault { return []fault{killAfter(newTask)} })
	return map[string]func(int64) plan{
		"no fence":           aimAt(tierRead, 1, task, zombie),
		"send before commit": killed,
		"sweeper re-queues":  killed,
		"nobody takes over":  killed,
		"order not kept": aimAt(tierRead, 1, []string{"hubspot-updates"}, func(*rand.Rand) []fault {
			return apart(onUpdate(sim.Fault{Kind: sim.FaultStatus, Status: http.StatusLocked}))
		}),
		"no hold": aimAt(tierRead, 1, []string{"hubspot-updates"}, func(r *rand.Rand) []fault {
			return apart(onUpdate(sim.Fault{Kind: sim.FaultCommitLate, LatencyMS: 400 + r.IntN(800)}))
		}),
		"rotated token forgotten": aimAt(tierRead, 1, task, func(*rand.Rand) []fault {
			return []fault{expired(moment{first: true}), expired(moment{nth: 1, on: newTask})}
		}),
		"lost wake-up":     spoiled(func(*rand.Rand) sim.Fault { return sim.Fault{Kind: sim.FaultStatus, Status: 503, Path: tasksPath} }),
		"rest without end": spoiled(func(*rand.Rand) sim.Fault { return sim.Fault{Kind: sim.FaultHang, Path: tasksPath} }),
		"held back is sent": aimAt(tierRead, 1, []string{"hubspot-task", "hubspot-task", "hubspot-note", "hubspot-note"}, func(*rand.Rand) []fault {
			return []fault{atFirst(lane.HubSpot, sim.Fault{Kind: sim.FaultHang, Path: tasksPath})}
		}),
		"refresh without lease":    aimAt(tierRead, 2, []string{"salesforce-task"}, crowd),
		"absence believed at once": spoiled(late(300, 900)),
		"marker changes":           spoiled(after(sim.FaultCutAfter)),
		"5xx repeated": spoiled(func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultStatusAfter, Status: 500 + r.IntN(5), Path: tasksPath}
		}),
		"409 is terminal": aimAt(tierRead, 1, []string{"hubspot-contact"}, func(*rand.Rand) []fault { return []fault{faster()} }),
		"redirects followed": spoiled(func(r *rand.Rand) sim.Fault {
			return sim.Fault{Kind: sim.FaultStatusAfter, Status: []int{301, 302, 303, 307, 308}[r.IntN(5)], Path: tasksPath, Headers: map[string]string{"Location": "?"}}
		}),
		"idempotency header":    spoiled(after(sim.FaultCutAfter)),
		"send deadline ignored": aimAt(tierRead, 1, task, sleeper),
		"taken marker ignored": aimAt(tierEnforced, 1, task, func(r *rand.Rand) []fault {
			return []fault{atFirst(lane.HubSpot, late(300, 400)(r)), // after the look that finds nothing, and before what follows from that
				atFirst(lane.HubSpot, sim.Fault{Kind: sim.FaultDelay, Path: tasksPath, LatencyMS: 350})}
		}),
		"neighbour's find": aimAt(tierRead, 1, fourTasks(), func(*rand.Rand) []fault { return []fault{atFirst(lane.HubSpot, after(sim.FaultCutAfter)(nil))} }),
		"failed look is absence": aimAt(tierRead, 1, task, func(*rand.Rand) []fault {
			return []fault{atFirst(lane.HubSpot, after(sim.FaultCutAfter)(nil)), atFirst(lane.HubSpot, sim.Fault{Kind: sim.FaultStatus, Status: 503, Times: 8,
				Path: `/objects/(contacts|deals)/[^/]+/associations/(tasks|notes)$|/associations/(contacts|deals)/(tasks|notes)/batch/read$`})}
		}),
		"newer overtakes": aimAt(tierRead, 1, []string{"salesforce-updates"}, func(r *rand.Rand) []fault {
			return []fault{atFirst(lane.Salesforce, sim.Fault{Kind: sim.FaultCommitLate, Method: http.MethodPatch, LatencyMS: 300 + r.IntN(500)})}
		}),
		"batch in part": aimAt(tierRead, 1, fourTasks(), func(*rand.Rand) []fault {
			return []fault{atFirst(lane.HubSpot, sim.Fault{Kind: sim.FaultStatus, Status: 207, Path: `/tasks/batch/create$`, Body: `{"status":"COMPLETE","results":[]}`})}
		}),
	}
}

func fourTasks() []string {
	return []string{"hubspot-task", "hubspot-task", "hubspot-task", "hubspot-task"}
}

// aimAt makes strict plans of faults: one of the kinds or, where they are of one name or crowded, all of them together.
func aimAt(on tier, replicas int, names []string, faults func(*rand.Rand) []fault) func(int64) plan {
	return func(seed int64) plan {
		r := rand.New(rand.NewPCG(uint64(seed), 4)) // it must repeat
		p := plan{seed: seed, tier: on, replicas: replicas, strict: true, together: true, bound: 15 * time.Second}
		for _, k := range kinds() {
			for i, name := range names {
				if k.name == name && (len(names) > 2 || i == int(seed)%len(names)) {
					p.orders = append(p.orders, k)
				}
			}
		}
		p.faults = faults(r)
		return p
	}
}

// atFirst queues a fault of a CRM before anything is sent.
func atFirst(crm string, f sim.Fault) fault {
	return fault{kind: string(f.Kind), at: moment{first: true}, do: func(ctx context.Context, t *trial, _ *rand.Rand) error { return t.bench.lane.Fault(ctx, crm, f) }}
}

// apart spoils the first of two updates of a contact, and brings the second once the first has left.
func apart(f sim.Fault) []fault {
	return []fault{atFirst(lane.HubSpot, f),
		{kind: "the newer waits", at: moment{first: true}, do: func(_ context.Context, t *trial, _ *rand.Rand) error {
			t.orders[1].held = make(chan struct{})
			return nil
		}},
		{kind: "and comes", at: moment{nth: 1, on: update}, do: func(_ context.Context, t *trial, _ *rand.Rand) error { close(t.orders[1].held); return nil }}}
}

func onUpdate(f sim.Fault) sim.Fault {
	f.Method, f.Path = http.MethodPatch, `/objects/contacts/\d+$`
	return f
}

// killAfter kills the service once a call of such a name has left.
func killAfter(name *regexp.Regexp) fault {
	return fault{kind: "kill after the call", at: moment{nth: 1, on: name}, deed: func(t *trial, e lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		victim, killed := t.bench.lane.Replicas()[0], newDeed()
		return cut.Verdict{Bytes: len(e.Text), Do: func() { killed.done <- victim.Kill() }},
			func(ctx context.Context) error { return errors.Join(killed.wait(ctx), victim.Ensure(ctx)) }
	}}
}

func expired(at moment) fault {
	return fault{kind: "tokens expire", at: at, do: func(ctx context.Context, t *trial, _ *rand.Rand) error {
		return errors.Join(t.bench.behave(ctx, lane.HubSpot, map[string]any{"rotate_refresh_tokens": true}),
			t.bench.lane.Control(ctx, lane.HubSpot, http.MethodPost, "expire-tokens", nil, nil))
	}}
}

// faster is somebody who makes the contact between our search and our create.
func faster() fault {
	return fault{kind: "somebody is faster", at: moment{nth: 1, on: newPerson, down: true}, deed: func(t *trial, e lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		o, made := t.orders[0], newDeed()
		return cut.Verdict{Do: func() {
			id, err := t.bench.seed(t.ctx, lane.HubSpot, o.email)
			o.wants[0].Known = id
			made.done <- err
		}}, made.wait
	}}
}

// thawWithin is how long a process is frozen if what it is to be thawed for does not come.
const thawWithin = 10 * time.Second

// frozen is a process that sleeps until it is thawed.
type frozen struct {
	once sync.Once
	wake chan struct{}
}

func (f *frozen) thaw() { f.once.Do(func() { close(f.wake) }) }

// freezeAt freezes the only replica once what at counts has passed, and starts another.
func (f *frozen) freezeAt(at moment) fault {
	return fault{kind: "freeze", at: at, deed: func(t *trial, e lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		victim := t.bench.lane.Replicas()[0]
		slept := newDeed()
		return cut.Verdict{Bytes: len(e.Text), Do: func() { slept.done <- victim.Stop() }}, func(ctx context.Context) error {
			err := errors.Join(slept.wait(ctx), t.bench.lane.AddReplica(ctx))
			select {
			case <-f.wake:
			case <-time.After(thawWithin):
			case <-ctx.Done():
			}
			return errors.Join(err, victim.Continue())
		}
	}}
}

func (f *frozen) thawAt(at moment, then time.Duration) fault {
	return fault{kind: "thaw", at: at, do: func(ctx context.Context, _ *trial, _ *rand.Rand) error {
		defer f.thaw()
		return sleep(ctx, then)
	}}
}

// holdAt holds back what at counts, and so the worker that sends it, until the thaw, and starts another replica.
func (f *frozen) holdAt(at moment) fault {
	return fault{kind: "hold", at: at, deed: func(t *trial, _ lane.Event, _ *rand.Rand) (cut.Verdict, func(context.Context) error) {
		return cut.Verdict{Do: func() {
			select {
			case <-f.wake:
			case <-time.After(thawWithin):
			}
		}}, t.bench.lane.AddReplica
	}}
}

// zombie is a worker whose call was answered 429 and whose word about it reaches the database only while another sends the same write.
func zombie(r *rand.Rand) []fault {
	f := &frozen{wake: make(chan struct{})}
	limited := sim.Fault{Kind: sim.FaultStatus, Status: http.StatusTooManyRequests, Path: tasksPath,
		Body: `{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}`}
	slow := sim.Fault{Kind: sim.FaultCommitSlow, Path: tasksPath, LatencyMS: 300 + r.IntN(200)}
	return []fault{atFirst(lane.HubSpot, limited), atFirst(lane.HubSpot, slow), f.holdAt(moment{nth: 2, on: settling, wire: lane.Postgres}),
		f.thawAt(moment{nth: 2, on: newTask}, 0)}
}

// sleeper freezes a worker that has just claimed, and thaws it when another has written what it claimed.
func sleeper(r *rand.Rand) []fault {
	f := &frozen{wake: make(chan struct{})}
	return []fault{f.freezeAt(moment{nth: 1 + r.IntN(4), on: claiming, wire: lane.Postgres}), f.thawAt(moment{nth: 1, on: newTask, down: true}, 200*time.Millisecond)}
}

// crowd makes many ask at once with a token that has ended.
func crowd(*rand.Rand) []fault {
	return []fault{{kind: "a crowd at expiry", at: moment{first: true}, do: func(ctx context.Context, t *trial, _ *rand.Rand) error {
		o := t.orders[0]
		var id string
		if err := t.bench.lane.DB.QueryRow(ctx, `select id::text from crm_connections where workspace_id = $1`, o.workspace).Scan(&id); err != nil {
			return err
		}
		if err := t.bench.lane.Control(ctx, o.kind.crm, http.MethodPost, "expire-tokens", nil, nil); err != nil {
			return err
		}
		for i := range 8 {
			replicas := t.bench.lane.Replicas()
			t.going.Go(func() {
				path := fmt.Sprintf("/connections/%s/probe?workspace_id=%s", id, o.workspace)
				_, _ = t.bench.lane.Call(ctx, replicas[i%len(replicas)], http.MethodPost, path, nil, nil) // what it says is not of interest
			})
		}
		return nil
	}}}
}
