package salesforce

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm-connectors/connectors"
)

func TestSalesforceNamesTheStaleLinkInManyWays(t *testing.T) {
	t.Parallel()
	refusal := func(message, fields string) answer {
		return says(400, `[{"errorCode":"INVALID_CROSS_REFERENCE_KEY","message":"`+message+`","fields":[`+fields+`]}]`)
	}
	for name, c := range map[string]struct {
		refusal   answer
		who, what any
	}{
		"the deal, by field":      {refusal("invalid cross reference id", `"WhatId"`), contactID, nil},
		"the deal, by label":      {refusal("Related To ID: invalid cross reference id", ""), contactID, nil},
		"the person, by field":    {refusal("invalid cross reference id", `"WhoId"`), nil, dealID},
		"the person, by label":    {refusal("Name ID: invalid cross reference id", `""`), nil, dealID},
		"nothing, and both are":   {refusal("invalid cross reference id", ""), contactID, nil},
		"nothing, and no contact": {refusal("entity is deleted", ""), nil, dealID},
	} {
		contactByID := `{"Id":"` + contactID + `"}`
		if name == "nothing, and no contact" {
			contactByID = ""
		}
		byID := says(200, `{"compositeResponse":[{"referenceId":"Contact","httpStatusCode":200,"body":{"records":[`+contactByID+`]}}]}`)
		conn, f, account := newFake(t, map[string][]answer{composite: {byID}, postTask: {c.refusal, says(201, taskMade)}})
		r := deliverOne(t, conn, account, taskWrite(func(w *connectors.Write) { w.ContactRef, w.DealID = ref("Contact", contactID), dealID }))
		sent := f.sent(postTask)
		if r.Err != nil || len(sent) != 2 || noteCodes(r.Notes) != "association_dropped" {
			t.Errorf("%s: %v, notes %v, sent %s", name, r.Err, r.Notes, sent)
			continue
		}
		if b := decoded(t, sent[1]); b["WhoId"] != c.who || b["WhatId"] != c.what {
			t.Errorf("%s: sent %s, want WhoId %v and WhatId %v", name, sent[1], c.who, c.what)
		}
	}
	for _, message := range []string{"Assigned To ID: invalid", "Owner ID: invalid", "Record Type ID: this ID value isn't valid for the user: 0128M0000000001"} {
		conn, f, account := newFake(t, map[string][]answer{postTask: {refusal(message, "")}})
		r := deliverOne(t, conn, account, taskWrite(func(w *connectors.Write) { w.ContactRef = ref("Contact", contactID) }))
		wantClass(t, r.Err, reject, "reference_invalid")
		if len(f.calls) != 1 {
			t.Errorf("%s: %d calls, want one", message, len(f.calls))
		}
	}
}

func TestATaskIsMendedOnlyAsOftenAsThereAreThingsToMend(t *testing.T) {
	t.Parallel()
	c, f, account := newFake(t, map[string][]answer{composite: {looked("", "")}, postTask: {says(400, items("ENTITY_IS_DELETED: entity is deleted"))}})
	r := deliverOne(t, c, account, taskWrite(func(w *connectors.Write) { w.ContactRef = ref("Contact", contactID) }))
	wantClass(t, r.Err, reject, "record_not_found")
	if n := len(f.sent(postTask)); n != 2 {
		t.Errorf("sent %d times, want with and without the contact", n)
	}
}

func TestAMendThatCannotAskIsRetriedLater(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code string
		who  connectors.Ref
		deal string
	}{
		"a converted lead":        {"CANNOT_UPDATE_CONVERTED_LEAD", ref("Lead", leadID), ""},
		"a contact that is gone":  {"ENTITY_IS_DELETED", ref("Contact", contactID), ""},
		"one of two that is gone": {"ENTITY_IS_DELETED", ref("Contact", contactID), dealID},
	} {
		conn, f, account := newFake(t, map[string][]answer{composite: {cut(true)}, postTask: {refusedWith(400, c.code)}})
		r := deliverOne(t, conn, account, taskWrite(func(w *connectors.Write) { w.ContactRef, w.DealID, w.Email = c.who, c.deal, "ada@example.com" }))
		if r.Err == nil || r.Err.Class != retry || len(f.sent(postTask)) != 1 {
			t.Errorf("%s: %v after %d tasks, want a retry after one", name, r.Err, len(f.sent(postTask)))
		}
	}
}

func TestAConvertedLeadWithoutAContactIsDropped(t *testing.T) {
	t.Parallel()
	c, f, account := newFake(t, map[string][]answer{
		composite: {says(200, `{"compositeResponse":[{"referenceId":"Lead","httpStatusCode":200,"body":{"records":[]}}]}`)},
		postTask:  {refusedWith(400, "CANNOT_UPDATE_CONVERTED_LEAD"), says(201, taskMade)}})
	r := deliverOne(t, c, account, taskWrite(func(w *connectors.Write) { w.ContactRef = ref("Lead", leadID) }))
	if sent := f.sent(postTask); r.Err != nil || noteCodes(r.Notes) != "association_dropped" || decoded(t, sent[1])["WhoId"] != nil {
		t.Errorf("%+v, sent %s", r, sent)
	}
}

func TestWhatIsCachedIsFetchedOnceAndForgottenInTime(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	c := newCache[string](func() time.Time { return time.Unix(now.Load(), 0) })
	var fetched atomic.Int64
	release := make(chan struct{})
	fetch := func(context.Context) (string, *connectors.Error) {
		fetched.Add(1)
		<-release
		return "Done", nil
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if v, err := c.orFetch(t.Context(), "org", fetch); v != "Done" || err != nil {
				t.Errorf("orFetch = %q, %v", v, err)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.orFetch(gone, "org", fetch); err == nil || err.Class != retry {
		t.Errorf("a caller whose context is over: %v, want a retry", err)
	}
	close(release)
	all.Wait()
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d times, want once", n)
	}
	now.Add(int64(cacheFor/time.Second) + 1)
	if v, err := c.orFetch(t.Context(), "org", fetch); v != "Done" || err != nil || fetched.Load() != 2 {
		t.Errorf("after its time: %q, %v, fetched %d times", v, err, fetched.Load())
	}
	for i := range cacheMost + 5 {
		c.put(time.Duration(i).String(), "x")
	}
	if n := len(c.kept); n > cacheMost {
		t.Errorf("%d entries are kept, want at most %d", n, cacheMost)
	}
}

func TestAFailedFetchIsNotRemembered(t *testing.T) {
	t.Parallel()
	c := newCache[string](time.Now)
	fail := func(context.Context) (string, *connectors.Error) { return "", rejected("x", "x.", "x.") }
	if _, err := c.orFetch(t.Context(), "org", fail); err == nil || err.Code != "x" {
		t.Errorf("error = %v", err)
	}
	v, err := c.orFetch(t.Context(), "org", func(context.Context) (string, *connectors.Error) { return "Done", nil })
	if v != "Done" || err != nil {
		t.Errorf("after a failure: %q, %v", v, err)
	}
}
