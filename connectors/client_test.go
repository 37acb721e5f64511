package connectors

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/rs/zerolog"
)

// crm answers every request with handler and counts them.
func crm(t *testing.T, handler http.HandlerFunc) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests.Add(1)
		handler(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

func call(t *testing.T, url string, effect Effect) (Reply, error) {
	t.Helper()
	method := http.MethodPost
	if effect == Read {
		method = http.MethodGet
	}
	c := Call{Method: method, URL: url + "/objects?q=ada%40example.com", Route: "/objects", Effect: effect, Header: JSONHeader(NewSecret("token"))}
	if method == http.MethodPost {
		c.Body = []byte(`{"a":1}`)
	}
	return NewClient(nil, time.Now).Do(t.Context(), c)
}

func transportError(t *testing.T, err error, sent bool) *TransportError {
	t.Helper()
	var te *TransportError
	if !errors.As(err, &te) {
		t.Fatalf("got %v, want a *TransportError", err)
	}
	if te.Sent != sent {
		t.Errorf("sent = %v (%v), want %v", te.Sent, te, sent)
	}
	if strings.Contains(te.Error(), "ada") {
		t.Errorf("the error shows the query: %v", te)
	}
	return te
}

func TestACreateThatIsCutIsSentOnceAndMayHaveBeenExecuted(t *testing.T) {
	t.Parallel()
	url, n := crm(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := call(t, url, Once)
	_ = transportError(t, err, true)
	if n.Load() != 1 {
		t.Errorf("%d requests, want 1", n.Load())
	}
}

func TestACreateThatIsCutOnAWarmConnectionIsNotRepeatedByTheTransport(t *testing.T) {
	t.Parallel()
	var creates atomic.Int64
	url, _ := crm(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			creates.Add(1)
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte("{}"))
	})
	client := NewClient(nil, time.Now)
	const trials = 50
	for range trials {
		if _, err := client.Do(t.Context(), Call{Method: http.MethodGet, URL: url, Effect: Read}); err != nil {
			t.Fatal(err)
		}
		_, err := client.Do(t.Context(), Call{Method: http.MethodPost, URL: url, Effect: Once, Body: []byte("{}")})
		_ = transportError(t, err, true)
	}
	if creates.Load() != trials {
		t.Errorf("%d creates reached the CRM, want %d", creates.Load(), trials)
	}
}

func TestABlipInAReadIsMendedWithinTheCall(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	url, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
		switch n.Add(1) {
		case 1:
			w.WriteHeader(http.StatusBadGateway)
		case 2:
			panic(http.ErrAbortHandler)
		default:
			_, _ = w.Write([]byte(`{"ok":true}`))
		}
	})
	reply, err := call(t, url, Read)
	if err != nil || reply.Status != 200 || string(reply.Body) != `{"ok":true}` {
		t.Errorf("%d %q %v", reply.Status, reply.Body, err)
	}
}

func TestAChangeWithoutASureAnswerIsNeverRepeatedBehindTheLogsBack(t *testing.T) {
	t.Parallel()
	for _, effect := range []Effect{Idempotent, Once} {
		for name, answer := range map[string]http.HandlerFunc{
			"502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		} {
			url, n := crm(t, answer)
			trace := NewTrace(NewClient(nil, time.Now), time.Time{})
			_, _ = trace.Do(t.Context(), Call{Method: http.MethodPatch, URL: url, Route: "/x", Effect: effect, Body: []byte("{}")})
			if n.Load() != 1 || trace.MayLand() != (effect == Idempotent) {
				t.Errorf("%s, %s: %d requests, may land %v; want one, and that a late copy may land of what may be repeated", effect, name, n.Load(), trace.MayLand())
			}
		}
	}
}

func TestAServerErrorOnACreateIsHandedOnAtOnce(t *testing.T) {
	t.Parallel()
	url, n := crm(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	reply, err := call(t, url, Once)
	if err != nil || reply.Status != http.StatusServiceUnavailable || n.Load() != 1 {
		t.Errorf("status %d, %v after %d requests; want 503 after one", reply.Status, err, n.Load())
	}
	reply, err = call(t, url, Read)
	if err != nil || reply.Status != http.StatusServiceUnavailable || n.Load() != 1+1+retries {
		t.Errorf("status %d, %v after %d requests; want the last 503 with its body", reply.Status, err, n.Load()-1)
	}
}

func TestAShortWaitIsMadeHereAndALongOneBelongsToTheLog(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		retryAfter string
		requests   int64
	}{{"0", 2}, {"1", 2}, {"3", 1}, {"3600", 1}, {"", 1}} {
		t.Run("Retry-After "+tc.retryAfter, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			url, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1) == 1 {
					if tc.retryAfter != "" {
						w.Header().Set("Retry-After", tc.retryAfter)
					}
					w.WriteHeader(http.StatusTooManyRequests)
				}
			})
			if _, err := call(t, url, Once); err != nil || n.Load() != tc.requests {
				t.Errorf("%d requests, %v; want %d", n.Load(), err, tc.requests)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		url, n := crm(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", status) })
		for _, effect := range []Effect{Once, Read} {
			before := n.Load()
			reply, err := call(t, url, effect)
			if err != nil || reply.Status != status || n.Load() != before+1 {
				t.Errorf("%d on %s: status %d, %v, %d requests", status, effect, reply.Status, err, n.Load()-before)
			}
		}
	}
}

func TestNothingIsSentWhereNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, err = call(t, "http://"+addr, Once)
	_ = transportError(t, err, false)
}

func TestNothingIsSentAfterTheTimeToSend(t *testing.T) {
	t.Parallel()
	url, n := crm(t, func(http.ResponseWriter, *http.Request) {})
	_, err := NewClient(nil, time.Now).Do(t.Context(), Call{Method: http.MethodPost, URL: url, Effect: Once, SendBy: time.Now().Add(-time.Millisecond)})
	if te := transportError(t, err, false); !errors.Is(te, ErrSendDeadline) || n.Load() != 0 {
		t.Errorf("%v after %d requests", te, n.Load())
	}
}

func TestAnAnswerThatEndsEarlyIsNoAnswer(t *testing.T) {
	t.Parallel()
	url, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":"5`))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	_, err := call(t, url, Once)
	if te := transportError(t, err, true); te.Status != http.StatusCreated {
		t.Errorf("status %d, want 201 to be kept as evidence", te.Status)
	}
}

func TestAnAnswerIsReadToALimitHoweverItIsPacked(t *testing.T) {
	t.Parallel()
	for name, packed := range map[string]bool{"plain": false, "gzip": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
				var out io.Writer = w
				if packed {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					defer func() { _ = z.Close() }()
					out = z
				}
				block := bytes.Repeat([]byte(" "), 1<<20)
				for range 64 {
					if _, err := out.Write(block); err != nil {
						return
					}
				}
			})
			_, err := call(t, url, Read)
			if te := transportError(t, err, true); !errors.Is(te, ErrBodyTooLarge) {
				t.Errorf("got %v, want ErrBodyTooLarge", te)
			}
		})
	}
}

func TestNoHeaderAsksTheTransportToRepeat(t *testing.T) {
	t.Parallel()
	var got http.Header
	url, _ := crm(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
	if _, err := call(t, url, Once); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if got.Get(name) != "" {
			t.Errorf("%s is sent: Go's client would repeat the POST on its own", name)
		}
	}
	if got.Get("Authorization") != "Bearer token" || got.Get("User-Agent") != "crm-connectors" {
		t.Errorf("headers %v", got)
	}
}

func TestAPlannerLetsReadsThroughAndNotesTheRest(t *testing.T) {
	t.Parallel()
	url, n := crm(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	p := NewPlanner(NewClient(nil, time.Now), func(Call) Reply { return JSONReply(201, `{"id":"new"}`) })
	for _, effect := range []Effect{Read, Idempotent, Once} {
		if _, err := p.Do(t.Context(), Call{Method: http.MethodPost, URL: url + "/x?y=1", Effect: effect, Body: []byte(`{"b":2}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.Take(); n.Load() != 1 || len(got) != 2 || got[0].Path != "/x?y=1" || string(got[0].Body) != `{"b":2}` {
		t.Errorf("%d requests, planned %+v", n.Load(), got)
	}
	if got := p.Take(); len(got) != 0 {
		t.Errorf("taken twice: %+v", got)
	}
}

func TestATraceKeepsRoutesAndHoldsChangesToTheTimeToSend(t *testing.T) {
	t.Parallel()
	url, n := crm(t, func(http.ResponseWriter, *http.Request) {})
	tr := NewTrace(NewClient(nil, time.Now), time.Now().Add(-time.Second))
	if _, err := tr.Do(t.Context(), Call{Method: http.MethodGet, URL: url + "/contacts/ada@example.com", Route: "/contacts/{email}", Effect: Read}); err != nil {
		t.Fatal(err)
	}
	_, err := tr.Do(t.Context(), Call{Method: http.MethodPost, URL: url, Route: "/tasks", Effect: Once})
	_ = transportError(t, err, false)
	got := tr.Calls()
	if len(got) != 2 || n.Load() != 1 || got[0].Route != "/contacts/{email}" || got[0].Status != 200 || got[1].Status != 0 {
		t.Errorf("calls %+v after %d requests", got, n.Load())
	}
}

func TestACancelledCallEndsAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url, _ := crm(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := NewClient(nil, time.Now).Do(ctx, Call{Method: http.MethodPost, URL: url, Effect: Once, Body: []byte("{}")})
	if te := transportError(t, err, true); !errors.Is(te, context.Canceled) {
		t.Errorf("got %v, want the cancellation beneath", te)
	}
}

func TestRetryAfterIsReadInSecondsAndAsADate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false}, {"0", 0, true}, {"17", 17 * time.Second, true}, {"-3", 0, false}, {"soon", 0, false}, {"99999999999", 0, false},
		{now.Add(time.Minute).Format(http.TimeFormat), time.Minute, true}, {now.Add(-time.Hour).Format(http.TimeFormat), 0, true},
	} {
		h := http.Header{}
		h.Set("Retry-After", tc.value)
		if got, ok := RetryAfter(h, now); got != tc.want || ok != tc.ok {
			t.Errorf("RetryAfter(%q) = %s, %v; want %s, %v", tc.value, got, ok, tc.want, tc.ok)
		}
	}
}

func TestASecretShowsItselfNowhere(t *testing.T) {
	t.Parallel()
	s := NewSecret("hunter2")
	account := Account{App: App{ClientSecret: s}, AccessToken: s, RefreshToken: s}
	var log bytes.Buffer
	_, _ = fmt.Fprintf(&log, "%v %s %q %x %d %#v %+v", s, s, s, s, s, s, s)
	_, _ = fmt.Fprintf(&log, "%v %+v %#v", account, account, &account)
	hidden := struct {
		s       Secret
		account *Account
		list    []Secret
	}{s, &account, []Secret{s}}
	_, _ = fmt.Fprintf(&log, "%v %+v %#v", hidden, hidden, hidden)
	if err := json.NewEncoder(&log).Encode(account); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "secret", s, "account", account)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "secret", s, "account", account)
	zero := zerolog.New(&log)
	zero.Info().Stringer("secret", s).Interface("account", account).Any("hidden", hidden).Msg("zerolog")
	if err := template.Must(template.New("").Parse(`{{.}} {{.AccessToken}} {{printf "%s" .App.ClientSecret}}`)).Execute(&log, account); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("the secret is shown: %s", log.String())
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal does not give the text")
	}
}
