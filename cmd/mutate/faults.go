package main

// faults are what both simulators do when a test asks for trouble. A test whose trouble does not come must notice.
func faults() []behaviour {
	return []behaviour{
		{name: "executed and answered with an error", off: "not executed",
			sim: in("faults.go", "rec := httptest.NewRecorder()\n\t\tnext.ServeHTTP(rec, r)\n\t\tswitch", "rec := httptest.NewRecorder()\n\t\t_ = next\n\t\tswitch")},
		{name: "cut before anything was executed", off: "executed and answered",
			sim: in("faults.go", "case FaultCut:\n\t\tpanic(http.ErrAbortHandler)", "case FaultCut:\n\t\tnext.ServeHTTP(w, r)")},
		{name: "refused with a status, nothing executed", off: "executed and answered",
			sim: in("faults.go", "case FaultStatus:\n\t\tf.answer(w)", "case FaultStatus:\n\t\tnext.ServeHTTP(w, r)")},
		{name: "the headers of a refusal", off: "it has none, so no Retry-After",
			sim: in("faults.go", "for k, v := range f.Headers {\n\t\tw.Header().Set(k, v)", "for k, v := range f.Headers {\n\t\t_, _ = k, v")},
		{name: "half an answer", off: "all of it",
			sim: in("faults.go", "_, _ = w.Write(body[:len(body)/2])", "_, _ = w.Write(body)")},
		{name: "a fault strikes as often as it was asked to", off: "it strikes for ever",
			sim: in("faults.go", "if a.left--; a.left == 0 {", "if a.left == 0 {")},
	}
}
