package sim

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"
)

// late says that a fault of this kind keeps its own time.
func (f Fault) late() bool {
	switch f.Kind {
	case FaultAnswerLate, FaultAnswerTwice, FaultCommitLate, FaultCommitSlow:
		return true
	}
	return false
}

// executeLate executes a request at another time than it is answered. What is to be executed is, whatever the client does: a
// CRM behind a gateway does not notice that the caller went away.
func (f *Faults) executeLate(fault Fault, w http.ResponseWriter, r *http.Request, next http.Handler) {
	gone := r.Context().Done()
	r = r.WithContext(context.WithoutCancel(r.Context()))
	wait := time.Duration(fault.LatencyMS) * time.Millisecond
	rec := httptest.NewRecorder()
	switch fault.Kind {
	case FaultAnswerLate:
		next.ServeHTTP(rec, r)
		answerAfter(wait, gone, w, rec)
	case FaultAnswerTwice:
		next.ServeHTTP(rec, r)
		answerTwice(w, rec)
	case FaultCommitSlow:
		f.addLate(1)
		time.Sleep(wait)
		next.ServeHTTP(rec, r)
		f.addLate(-1)
		answerAfter(0, gone, w, rec)
	default:
		f.addLate(1)
		time.AfterFunc(wait, func() {
			defer f.addLate(-1)
			next.ServeHTTP(rec, r)
		})
		panic(http.ErrAbortHandler)
	}
}

func answerAfter(wait time.Duration, gone <-chan struct{}, w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	select {
	case <-time.After(wait):
	case <-gone:
		return
	}
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // the client went away: nothing to do about it
}

// answerTwice writes the answer twice on the bare connection, as a broken proxy does.
func answerTwice(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	var one bytes.Buffer
	_, _ = fmt.Fprintf(&one, "HTTP/1.1 %d %s\r\n", rec.Code, http.StatusText(rec.Code))
	h := rec.Header().Clone()
	h.Set("Content-Length", fmt.Sprint(rec.Body.Len()))
	_ = h.Write(&one) // a buffer takes all
	one.WriteString("\r\n")
	one.Write(rec.Body.Bytes())
	_, _ = conn.Write(bytes.Repeat(one.Bytes(), 2))
}
