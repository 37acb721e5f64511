package main

import (
	"errors"
	"fmt"

	"crm-connectors/cmd/chaos/lane"
)

// arc is a step of a write's life that a long run must take often. The names are those of the transitions of docs/chaos.md.
type arc struct{ name, was, is, how, says string }

func arcs() []arc {
	return []arc{
		{"T1", "", "queued", "", "an outcome is accepted"},
		{"T2", "queued", "sending", "", "claimed"},
		{"T3", "sending", "queued", "too late", "the time to send was over: nothing was sent"},
		{"T4", "sending", "succeeded", "", "the CRM answered with an id"},
		{"T5", "sending", "queued", "", "not executed, or harmless to repeat"},
		{"T6", "sending", "failed", "", "refused for good"},
		{"T7", "sending", "succeeded", "exists", "it exists, and is ours"},
		{"T8", "sending", "in_doubt", "", "it may have been executed"},
		{"T9", "sending", "in_doubt", "worker lost", "the lease ran out while it was sent"},
		{"T9", "reconciling", "in_doubt", "worker lost", "the lease ran out while it was looked for"},
		{"T10", "in_doubt", "reconciling", "", "it is looked for"},
		{"T11", "reconciling", "succeeded", "", "found"},
		{"T11", "reconciling", "queued", "incomplete", "found, to be completed"},
		{"T12", "reconciling", "succeeded", "alarm", "found more than once"},
		{"T13", "reconciling", "queued", "", "absent, and the CRM would refuse a second one"},
		{"T14", "reconciling", "queued", "waited", "absent after the waits"},
		{"T14", "reconciling", "needs_review", "", "nothing can tell"},
		{"T15", "reconciling", "in_doubt", "", "the look failed, or proves nothing yet"},
		{"T15", "reconciling", "blocked", "", "the look found the grant dead"},
		{"T15", "reconciling", "failed", "", "absent after too many tries"},
		{"T16", "sending", "needs_review", "worker lost", "it took down its workers"},
		{"T16", "reconciling", "needs_review", "worker lost", "the same, while it was looked for"},
		{"T16", "in_doubt", "needs_review", "", "in doubt for a day"},
		{"T17", "queued", "blocked", "", "the connection failed"},
		{"T17", "sending", "blocked", "", "the connection failed while it was sent"},
		{"T17", "sending", "blocked", "worker lost", "the lease ran out after the connection failed"},
		{"T17", "in_doubt", "blocked", "", "the connection failed while it was in doubt"},
		{"T17", "blocked", "queued", "", "reconnected"},
		{"T17", "blocked", "in_doubt", "", "reconnected, still in doubt"},
		{"T17", "blocked", "needs_review", "account changed", "reconnected to another account"},
		{"T17", "queued", "needs_review", "account changed", "the same, before it was sent"},
		{"T17", "in_doubt", "needs_review", "account changed", "the same, while in doubt"},
		{"T18", "failed", "queued", "", "a person: again"},
		{"T18", "failed", "cancelled", "", "a person: no more"},
		{"T18", "needs_review", "queued", "", "a person: found"},
		{"T18", "needs_review", "in_doubt", "", "a person: not there, again"},
		{"T18", "needs_review", "cancelled", "", "a person: no more"},
		{"T18", "queued", "cancelled", "", "a person: never"},
		{"T18", "in_doubt", "cancelled", "", "a person: never mind"},
		{"T18", "blocked", "cancelled", "", "a person: never, while the connection is down"},
		{"", "queued", "failed", "", "its contact failed"},
		{"", "blocked", "failed", "", "its contact was cancelled while the connection was down"},
	}
}

// longRun is a number of random schedules from which on a step that was never taken is an error.
const longRun = 10_000

func stepKey(was, is, how string) string { return was + " → " + is + " " + how }

// count adds what a bench's writes went through.
func (h *harness) count(steps []lane.Step) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taken == nil {
		h.taken = map[string]int{}
	}
	for _, s := range steps {
		h.taken[stepKey(s.Was, s.Is, s.How)] += s.Times
	}
}

// steps prints how often each step was taken.
func (h *harness) steps() error {
	if h.opt.random == 0 {
		return nil
	}
	h.say("\n| transition | from | to | what it is | times |")
	h.say("| --- | --- | --- | --- | ---: |")
	known, never := map[string]bool{}, 0
	for _, a := range arcs() {
		key := stepKey(a.was, a.is, a.how)
		known[key] = true
		if h.taken[key] == 0 {
			never++
		}
		h.say("| %s | %s | %s | %s | %d |", a.name, a.was, a.is, a.says, h.taken[key])
	}
	for key, n := range h.taken {
		if !known[key] && n > 0 {
			h.say("| | %s | | %d |", key, n)
		}
	}
	h.say("\n%d of %d transitions were never taken.", never, len(known))
	if never > 0 && h.opt.random >= longRun && h.opt.only == "" && h.opt.tier == "" && !h.opt.beyond {
		h.broken = true
		return errors.Join(errUnreached, fmt.Errorf("%d of them", never))
	}
	return nil
}

var errUnreached = errors.New("the run is long and did not reach all transitions")
