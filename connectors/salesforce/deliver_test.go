package salesforce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

const (
	composite = "POST /composite"
	postLead  = "POST /sobjects/Lead"
	patchLead = "PATCH /sobjects/Lead/{id}"
	postTask  = "POST /sobjects/Task"
	postTasks = "POST /composite/sobjects"
	query1    = "GET /query"
)

var ada = connectors.Contact{Email: "ada@example.com", FirstName: "Ada", LastName: "Lovelace"}

func TestWhateverACreateAnswersIsEitherKnownOrInDoubt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer answer
		class  connectors.Class
	}{
		"cut after it was sent":  {cut(true), inDoubt},
		"never sent":             {cut(false), retry},
		"201 without a body":     {says(201, ""), inDoubt},
		"201 with half a body":   {says(201, `{"id":"00T`), inDoubt},
		"201 without an id":      {says(201, `{"success":true}`), inDoubt},
		"201 without success":    {says(201, `{"id":"00Tak00000TsK01EAF","success":false}`), inDoubt},
		"201 with what is no id": {says(201, `{"id":"{new task}","success":true}`), inDoubt},
		"200 HTML":               {says(200, "<html>"), inDoubt},
		"302":                    {says(302, ""), inDoubt},
		"500":                    {says(500, "<html>"), inDoubt},
		"503":                    {refusedWith(503, "SERVER_UNAVAILABLE"), inDoubt},
		"locked":                 {refusedWith(500, "UNABLE_TO_LOCK_ROW"), retry},
		"refused":                {refusedWith(400, "REQUIRED_FIELD_MISSING"), reject},
	} {
		conn, f, account := newFake(t, map[string][]answer{postTask: {c.answer}})
		r := deliverOne(t, conn, account, taskWrite(nil))
		if r.Err == nil || r.Err.Class != c.class || r.Outcome != "" || r.Ref != (connectors.Ref{}) {
			t.Errorf("%s: %+v %v, want %s", name, r.Ref, r.Err, c.class)
		}
		if n := len(f.sent(postTask)); n != 1 {
			t.Errorf("%s: sent %d times, want once", name, n)
		}
	}
}

func TestALookupThatFailsIsRetriedAndWritesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer answer
		class  connectors.Class
	}{
		"cut":                  {cut(true), retry},
		"500":                  {says(500, ""), retry},
		"302":                  {says(302, ""), retry},
		"not JSON":             {says(200, "<html>"), retry},
		"a part is missing":    {says(200, `{"compositeResponse":[]}`), retry},
		"a part is strange":    {says(200, `{"compositeResponse":[{"referenceId":"x","httpStatusCode":200,"body":{}}]}`), retry},
		"a record has no id":   {looked(`{"IsConverted":false}`, ""), retry},
		"a part is refused":    {says(200, `{"compositeResponse":[{"referenceId":"Lead","httpStatusCode":400,"body":[{"errorCode":"INVALID_FIELD","message":"x"}]}]}`), reject},
		"a part ran too long":  {says(200, `{"compositeResponse":[{"referenceId":"Lead","httpStatusCode":400,"body":[{"errorCode":"QUERY_TIMEOUT","message":"x"}]}]}`), retry},
		"the session is over":  {refusedWith(401, "INVALID_SESSION_ID"), needAuth},
		"the limit is reached": {says(403, items("REQUEST_LIMIT_EXCEEDED: TotalRequests")), retry},
	} {
		conn, f, account := newFake(t, map[string][]answer{composite: {c.answer}})
		for _, w := range []connectors.Write{contactWrite(ada), taskWrite(func(w *connectors.Write) { w.Email = ada.Email })} {
			if r := deliverOne(t, conn, account, w); r.Err == nil || r.Err.Class != c.class {
				t.Errorf("%s: %v, want %s", name, r.Err, c.class)
			}
		}
		if _, err := conn.Find(t.Context(), account, contactWrite(ada)); connectors.AsError(err).Class != c.class {
			t.Errorf("%s: Find: %v, want %s", name, err, c.class)
		}
		if len(f.sent(composite)) != len(f.calls) {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestEffectsAndHeadersAreRight(t *testing.T) {
	t.Parallel()
	c, f, account := newFake(t, map[string][]answer{
		composite: {looked("", ""), looked(`{"Id":"`+leadID+`","LastName":"Old"}`, ""), looked("", liveContact)},
		postLead:  {says(201, `{"id":"`+leadID+`","success":true}`)}, patchLead: {says(204, "")}, "PATCH /sobjects/Contact/{id}": {says(204, "")},
		postTask: {says(201, taskMade)}, query1: {says(200, `{"records":[]}`)},
	})
	writes := []connectors.Write{contactWrite(ada), contactWrite(ada), contactWrite(ada),
		taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "boss@example.com" }), rollupWrite(nil)}
	for i, w := range writes {
		r := deliverOne(t, c, account, w)
		if r.Err != nil {
			t.Fatalf("write %d: %v", i, r.Err)
		}
		if len(r.Calls) == 0 {
			t.Errorf("write %d has no calls on record", i)
		}
	}
	for _, call := range f.calls {
		effect := map[string]connectors.Effect{"PATCH": connectors.Idempotent, "POST": connectors.Once, "GET": connectors.Read}[call.Method]
		lead := call.Method != http.MethodGet && strings.Contains(call.Route, "/Lead")
		if strings.HasSuffix(call.Route, "/composite") {
			effect = connectors.Read
		}
		if call.Effect != effect {
			t.Errorf("%s %s is %s, want %s", call.Method, call.Route, call.Effect, effect)
		}
		if got := call.Header.Get("Sforce-Auto-Assign"); (got == "FALSE") != lead {
			t.Errorf("%s %s has Sforce-Auto-Assign %q", call.Method, call.Route, got)
		}
		if call.Header.Get("Authorization") != "Bearer access" || !strings.HasPrefix(call.URL, fakeInstance+"/services/data/v66.0/") {
			t.Errorf("%s goes out as %v", call.URL, call.Header)
		}
		for name := range call.Header {
			if strings.Contains(strings.ToLower(name), "idempotency") {
				t.Errorf("%s has the header %s", call.Route, name)
			}
		}
	}
}

func TestARestThatWouldMeetTheSameAnswerIsNotSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer answer
		class  connectors.Class
		stops  bool
	}{
		"session over":   {refusedWith(401, "INVALID_SESSION_ID"), needAuth, true},
		"api disabled":   {refusedWith(403, "API_DISABLED_FOR_ORG"), connectors.ClassNeedsReconnect, true},
		"daily limit":    {refusedWith(403, "REQUEST_LIMIT_EXCEEDED"), retry, true},
		"version gone":   {refusedWith(410, "UNSUPPORTED_API_VERSION"), connectors.ClassMisconfigured, true},
		"locked":         {refusedWith(400, "UNABLE_TO_LOCK_ROW"), retry, false},
		"no permission":  {refusedWith(403, "INSUFFICIENT_ACCESS"), reject, false},
		"cut after send": {cut(true), inDoubt, false},
	} {
		conn, f, account := newFake(t, map[string][]answer{queryAll: {c.answer}})
		var writes []connectors.Write // each of them goes by itself
		for range 3 {
			writes = append(writes, taskWrite(func(w *connectors.Write) { w.Found = ref("Task", "00Tak00000TsK01EAF") }))
		}
		results := conn.Deliver(t.Context(), account, writes)
		want := 3
		if c.stops {
			want = 1
		}
		if n := len(f.calls); n != want {
			t.Errorf("%s: %d calls, want %d", name, n, want)
		}
		for i, r := range results {
			if r.Err == nil || r.Err.Class != results[0].Err.Class {
				t.Errorf("%s: write %d: %v", name, i, r.Err)
			}
		}

		conn, f, account = newFake(t, map[string][]answer{postTasks: {c.answer}, postTask: {c.answer}})
		results = conn.Deliver(t.Context(), account, []connectors.Write{taskWrite(nil), taskWrite(nil), taskWrite(nil)})
		for i, r := range results {
			if r.Err == nil || r.Err.Class != c.class || len(r.Calls) == 0 {
				t.Errorf("%s: in one call: write %d: %+v %v, want %s", name, i, r, r.Err, c.class)
			}
		}
		if n := len(f.calls); c.class != reject && n != 1 {
			t.Errorf("%s: in one call: %d calls", name, n)
		}
	}
}

func TestNothingIsSentAfterItsTimeOrItsContext(t *testing.T) {
	t.Parallel()
	conn, f, account := newFake(t, nil)
	r := deliverOne(t, conn, account, taskWrite(func(w *connectors.Write) { w.SendBy = time.Now().Add(-time.Second) }))
	wantClass(t, r.Err, retry, "send_window_over")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantClass(t, conn.Deliver(ctx, account, []connectors.Write{taskWrite(nil)})[0].Err, retry, "crm_unreachable")
	if len(f.calls) != 0 {
		t.Errorf("%d calls went out", len(f.calls))
	}
}

func TestAContextThatEndsMidwayTellsSentFromUnsent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see the client go
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	host := strings.TrimPrefix(server.URL, "http://")
	c, err := New(Config{HTTP: connectors.NewClient(nil, time.Now), TrustedHosts: []string{host}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	account := connectors.Account{InstanceURL: server.URL, AccessToken: connectors.NewSecret("access")}
	for _, r := range c.Deliver(ctx, account, []connectors.Write{taskWrite(nil), taskWrite(nil)}) { // in one call
		wantClass(t, r.Err, inDoubt, "answer_lost")
	}
	for _, r := range c.Deliver(ctx, account, []connectors.Write{taskWrite(nil), taskWrite(nil), contactWrite(ada)}) {
		wantClass(t, r.Err, retry, "crm_unreachable")
	}
}

func TestAWriteWithoutItsPayloadIsRefused(t *testing.T) {
	t.Parallel()
	c, f, account := newFake(t, nil)
	for want, w := range map[string]connectors.Write{
		"write_invalid":      {Object: connectors.ObjectTask},
		"email_missing":      contactWrite(connectors.Contact{LastName: "Lovelace"}),
		"email_too_long":     contactWrite(connectors.Contact{Email: strings.Repeat("a", 70) + "@example.com"}),
		"week_start_invalid": rollupWrite(func(w *connectors.Write) { w.Rollup.WeekStart = "23.11.2026" }),
	} {
		wantClass(t, deliverOne(t, c, account, w).Err, reject, want)
	}
	wantClass(t, deliverOne(t, c, account, connectors.Write{Object: "deal"}).Err, reject, "write_invalid")
	if len(f.calls) != 0 {
		t.Errorf("%d calls went out", len(f.calls))
	}
}

func TestSalesforcesDuplicateRuleIsReadInBothSpellings(t *testing.T) {
	t.Parallel()
	const other = "00Qak00000OtHeREAV"
	body := func(key string, ids ...string) string {
		var records []string
		for _, id := range ids {
			records = append(records, `{"record":{"Id":"`+id+`"}}`)
		}
		return fmt.Sprintf(`[{"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?",%q:{"matchResults":[{"matchRecords":[%s]}]}}]`, key, strings.Join(records, ","))
	}
	lead2, _ := canonicalID(other[:15])
	for _, key := range []string{"duplicateResut", "duplicateResult"} {
		c, f, account := newFake(t, map[string][]answer{composite: {looked("", "")},
			postLead:  {says(400, body(key, "001ak00000AccAaAAJ", leadID, lead2))},
			patchLead: {refusedWith(404, "ENTITY_IS_DELETED"), says(204, "")}})
		r := deliverOne(t, c, account, contactWrite(ada))
		if r.Err != nil || r.Ref != (connectors.Ref{Type: "Lead", ID: lead2}) || r.Outcome != connectors.Updated || noteCodes(r.Notes) != "duplicate_used" {
			t.Errorf("%s: %+v", key, r)
		}
		for _, sent := range f.sent(patchLead) {
			if b := decoded(t, sent); b["Email"] != nil || b["Company"] != nil || b["FirstName"] != "Ada" {
				t.Errorf("%s: the duplicate was patched with %s", key, sent)
			}
		}
	}
	c, f, account := newFake(t, map[string][]answer{composite: {looked("", "")}, postLead: {says(400, body("duplicateResult", contactID))}})
	if r := deliverOne(t, c, account, contactWrite(ada)); r.Err != nil || r.Ref.ID != contactID || len(f.calls) != 3 {
		t.Errorf("a contact: %+v after %d calls", r, len(f.calls))
	}
	c, _, account = newFake(t, map[string][]answer{composite: {looked("", "")}, postLead: {says(400, body("none"))}})
	wantClass(t, deliverOne(t, c, account, contactWrite(ada)).Err, reject, "duplicate_refused")
}

func TestADuplicateThatWasConvertedLeadsToItsContact(t *testing.T) {
	t.Parallel()
	converted := `{"Id":"` + leadID + `","IsConverted":true,"ConvertedContactId":"` + contactID + `","ConvertedOpportunityId":"` + dealID + `"}`
	byID := says(200, `{"compositeResponse":[{"referenceId":"Lead","httpStatusCode":200,"body":{"records":[`+converted+`]}}]}`)
	c, _, account := newFake(t, map[string][]answer{composite: {looked("", ""), byID},
		postLead:  {says(400, `[{"errorCode":"DUPLICATES_DETECTED","duplicateResut":{"matchResults":[{"matchRecords":[{"record":{"Id":"`+leadID+`"}}]}]}}]`)},
		patchLead: {refusedWith(400, "CANNOT_UPDATE_CONVERTED_LEAD")}})
	if r := deliverOne(t, c, account, contactWrite(ada)); r.Err != nil || r.Ref != (connectors.Ref{Type: "Contact", ID: contactID}) {
		t.Errorf("result = %+v", r)
	}
}

func TestALeadConvertedBetweenLookupAndPatchIsLookedUpOnceMore(t *testing.T) {
	t.Parallel()
	old := `{"Id":"` + leadID + `","LastName":"Old"}`
	c, f, account := newFake(t, map[string][]answer{composite: {looked(old, ""), looked("", liveContact)},
		patchLead: {refusedWith(400, "CANNOT_UPDATE_CONVERTED_LEAD")}, "PATCH /sobjects/Contact/{id}": {says(204, "")}})
	r := deliverOne(t, c, account, contactWrite(ada))
	if r.Err != nil || r.Ref != (connectors.Ref{Type: "Contact", ID: contactID}) || len(f.sent(composite)) != 2 {
		t.Errorf("result = %+v after %d lookups", r, len(f.sent(composite)))
	}
	c, f, account = newFake(t, map[string][]answer{composite: {looked(old, "")}, patchLead: {refusedWith(400, "CANNOT_UPDATE_CONVERTED_LEAD")}})
	wantClass(t, deliverOne(t, c, account, contactWrite(ada)).Err, reject, "lead_converted")
	if n := len(f.sent(composite)); n != 2 {
		t.Errorf("looked up %d times, want twice", n)
	}
}

func TestAFailedContactHoldsBackItsTask(t *testing.T) {
	t.Parallel()
	c, f, account := newFake(t, map[string][]answer{composite: {looked("", "")}, postLead: {cut(true)}, postTask: {says(201, taskMade)}})
	results := c.Deliver(t.Context(), account, []connectors.Write{contactWrite(ada), taskWrite(func(w *connectors.Write) { w.Email = "Ada@Example.com" }), taskWrite(nil)})
	wantClass(t, results[0].Err, inDoubt, "answer_lost")
	wantClass(t, results[1].Err, retry, "waits_for_contact")
	if results[2].Err != nil || len(f.sent(postTask)) != 1 {
		t.Errorf("a task of nobody: %v; %d tasks sent", results[2].Err, len(f.sent(postTask)))
	}
}

func TestFindLooksForContactsAlone(t *testing.T) {
	t.Parallel()
	c, _, account := newFake(t, map[string][]answer{composite: {looked("", ""), looked(liveLead, ""), looked(`{"Id":"`+leadID+`","FirstName":"Ada","LastName":"Lovelace"}`, ""),
		looked("", `{"Id":"`+contactID+`","FirstName":"Ada","LastName":"Lovelace"}`),
		looked(`{"Id":"`+leadID+`","IsConverted":true,"ConvertedContactId":"`+contactID+`"}`, "")}})
	lead, contact := connectors.Ref{Type: "Lead", ID: leadID}, connectors.Ref{Type: "Contact", ID: contactID}
	for i, want := range []connectors.Finding{{}, {Ref: lead}, {Ref: lead, Complete: true}, {Ref: contact, Complete: true}, {Ref: contact, Complete: true}} {
		got, err := c.Find(t.Context(), account, contactWrite(ada))
		if err != nil || got.Ref != want.Ref || got.Complete != want.Complete {
			t.Errorf("Find %d = %+v, %v; want %+v", i, got, err, want)
		}
	}
	for _, w := range []connectors.Write{taskWrite(nil), rollupWrite(nil)} {
		if _, err := c.Find(t.Context(), account, w); !errors.Is(err, connectors.ErrCannotFind) {
			t.Errorf("Find of a %s: %v, want ErrCannotFind", w.Object, err)
		}
	}
}
