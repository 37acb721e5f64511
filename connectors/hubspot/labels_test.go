package hubspot

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
)

func TestTheTypeWithoutALabelIsChosen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		want       int
	}{
		{"null label", `[{"category":"HUBSPOT_DEFINED","typeId":1,"label":"Primary"},{"category":"HUBSPOT_DEFINED","typeId":301,"label":null}]`, 301},
		{"no label key", `[{"category":"USER_DEFINED","typeId":31},{"category":"HUBSPOT_DEFINED","typeId":302}]`, 302},
		{"labelled ones alone", `[{"category":"HUBSPOT_DEFINED","typeId":1,"label":"Primary"}]`, 204},
		{"nothing", `[]`, 204},
		{"WORK category", `[{"category":"WORK","typeId":9,"label":null}]`, 204},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, Config{}, func(w http.ResponseWriter, _ string, _ int) { reply(w, 200, `{"results":`+tc.body+`}`) })
			got := s.session().associationType(t.Context(), tasksType, contactsType)
			if got.TypeID != tc.want || got.Category != hubspotDefined {
				t.Errorf("type: got %+v, want %d", got, tc.want)
			}
		})
	}
}

func TestOnlyThePortalsOwnLabelsAreChosenByName(t *testing.T) {
	t.Parallel()
	list := []label{{hubspotDefined, 1, "Primary"}, {hubspotDefined, 204, ""}, {userDefined, 31, " Follow-up Owner"}, {userDefined, 0, "Broken"}}
	for name, want := range map[string]associationType{
		"": {hubspotDefined, 204}, "follow-up owner": {userDefined, 31}, "primary": {hubspotDefined, 204}, "broken": {hubspotDefined, 204}, "follow": {hubspotDefined, 204},
	} {
		got := chooseType(list, name, 7)
		if got.associationType != want || (got.lacks == "") != (name == "" || want.Category == userDefined) {
			t.Errorf("%q: got %+v, want %+v", name, got, want)
		}
	}
}

func (s *scripted) session() *session {
	return &session{Connector: s.Connector, account: s.account, doer: s.http}
}

const labelsCall = "GET /crm/v4/associations/0-27/contacts/labels"

func TestLabelsAreKeptForTheirTimePerAccountAndPair(t *testing.T) {
	t.Parallel()
	at := newClock()
	s := newScripted(t, Config{Now: at.now, LabelTTL: 10 * time.Minute}, func(w http.ResponseWriter, _ string, before int) {
		reply(w, 200, `{"results":[{"category":"HUBSPOT_DEFINED","typeId":`+[]string{"301", "302", "303"}[before]+`}]}`)
	})
	ask := func(account string, want int) {
		t.Helper()
		one := s.session()
		one.account.ID = account
		if got := one.associationType(t.Context(), tasksType, contactsType).TypeID; got != want {
			t.Errorf("account %s: got %d, want %d", account, got, want)
		}
	}
	ask("1", 301)
	at.advance(10*time.Minute - time.Second)
	ask("1", 301)
	ask("2", 302)
	at.advance(time.Second)
	ask("1", 303)
	ask("2", 302)
}

func TestManyThatAskAtOnceCauseOneCall(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newScripted(t, Config{}, func(w http.ResponseWriter, _ string, _ int) {
		<-release
		reply(w, 200, `{"results":[{"category":"HUBSPOT_DEFINED","typeId":301}]}`)
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := s.session().associationType(t.Context(), tasksType, contactsType).TypeID; got != 301 {
				t.Errorf("type: got %d, want 301", got)
			}
		})
	}
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	all.Wait()
	if n := s.count(labelsCall); n != 1 {
		t.Errorf("calls: got %d, want 1", n)
	}
}

func TestTheDocumentedTypesServeWhereLabelsCannotBeRead(t *testing.T) {
	t.Parallel()
	at := newClock()
	fails := 3 // with the client's own repeats, one read
	s := newScripted(t, Config{Now: at.now}, func(w http.ResponseWriter, _ string, before int) {
		if before < fails {
			reply(w, 500, `{"message":"internal error"}`)
			return
		}
		reply(w, 200, `{"results":[{"category":"HUBSPOT_DEFINED","typeId":301}]}`)
	})
	ask := func(want int) {
		t.Helper()
		if got := s.session().associationType(t.Context(), tasksType, contactsType).TypeID; got != want {
			t.Errorf("type: got %d, want %d", got, want)
		}
	}
	ask(204)
	ask(204)
	if n := s.count(labelsCall); n != fails {
		t.Errorf("calls: got %d, want %d: the failure is remembered for a while", n, fails)
	}
	at.advance(labelRetry)
	ask(301)
}

func TestEachPairHasItsOwnDirection(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]int{"tasks>contacts": 204, "tasks>deals": 216, "notes>contacts": 202, "notes>deals": 214, "contacts>tasks": 0} {
		from, to, _ := strings.Cut(pair, ">")
		if got := documentedType(from, to); got != want {
			t.Errorf("%s: got %d, want %d", pair, got, want)
		}
	}
	b := newBench(t)
	b.sim.SeedLabel(tasksType, contactsType, "Follow-up")
	for _, from := range []string{tasksType, notesType} {
		for _, to := range []string{contactsType, dealsType} {
			s := &session{Connector: b.Connector, account: b.account, doer: b.http}
			if got, want := s.associationType(t.Context(), from, to).TypeID, documentedType(from, to); got != want {
				t.Errorf("%s to %s: got %d, want %d", from, to, got, want)
			}
			if _, known := b.labels.peek(labelKey{b.account.ID, from, to, ""}); !known {
				t.Errorf("%s to %s: not kept", from, to)
			}
		}
	}
	b.wantCalls("GET /crm/v4/associations/0-27/deals/labels", 1)
}

func TestACallerThatGivesUpDoesNotSpoilTheLoad(t *testing.T) {
	t.Parallel()
	c := newCache[string, int](time.Hour, time.Now)
	began, release := make(chan struct{}), make(chan struct{})
	load := func(ctx context.Context) (int, *connectors.Error) {
		close(began)
		<-release
		if ctx.Err() != nil {
			return 0, unanswered(ctx.Err(), connectors.Read)
		}
		return 7, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-began; cancel() }()
	_, failed := c.get(ctx, "k", load)
	wantError(t, failed, connectors.ClassRetry, "crm_unreachable")
	close(release)
	got, failed := c.get(t.Context(), "k", func(context.Context) (int, *connectors.Error) { return 7, nil })
	if failed != nil || got != 7 {
		t.Errorf("got %d, %v; want 7", got, failed)
	}
}

func TestAFullCacheDropsWhatHasExpired(t *testing.T) {
	t.Parallel()
	at := newClock()
	c := newCache[int, int](time.Minute, at.now)
	for i := range cacheSweep {
		c.put(i, i, time.Minute)
	}
	at.advance(time.Minute)
	c.put(-1, 1, time.Minute)
	if len(c.entries) != 1 {
		t.Errorf("entries: got %d, want 1", len(c.entries))
	}
}
