package store_test

import (
	"strings"
	"testing"

	"crm-connectors/store"
)

func TestARowKeepsTheTraceOfTheRequestThatBroughtItFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	const first, later = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	one, many, none := b.outcome("e1", contact("a@example.com")), b.outcome("e2", contact("b@example.com")), b.outcome("e3", contact("c@example.com"))
	one.Traceparent, many.Traceparent = first, first
	for range 2 {
		a, err := b.AppendOne(t.Context(), one)
		if err != nil || len(a.Writes) != 1 || a.Writes[0].Traceparent != first {
			t.Errorf("one: %+v, %v; want the trace of the first request", a, err)
		}
		all, err := b.Append(t.Context(), []store.Outcome{many, none}, store.WakeDrain)
		if err != nil || all[0].Writes[0].Traceparent != first || all[1].Writes[0].Traceparent != "" {
			t.Errorf("many: %+v, %v; want the trace of the first request, and none", all, err)
		}
		one.Traceparent, many.Traceparent, none.Traceparent = later, later, later // sent again
	}
	for _, r := range b.claim(c.ID, 3) {
		if want := map[bool]string{true: "", false: first}[r.ObjectID == "c@example.com"]; r.Traceparent != want {
			t.Errorf("%s is claimed with the trace %q, want %q", r.ObjectID, r.Traceparent, want)
		}
	}
	long := b.outcome("e4", contact("d@example.com"))
	long.Traceparent = first + strings.Repeat("x", 1000)
	if _, err := b.AppendOne(t.Context(), long); err == nil {
		t.Error("the database took what no trace context is")
	}
}
