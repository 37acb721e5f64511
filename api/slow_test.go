package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listening is the bench behind a real server with the limits of production.
func listening(t *testing.T, b *bench, most, perAddress int) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(b)
	srv.Config = NewServer("", b)
	srv.Listener = LimitConnections(srv.Listener, most, perAddress)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// dial connects from an address of the loopback network; nil: it was refused.
func dial(t *testing.T, srv *httptest.Server, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	if errors.Is(err, syscall.ECONNRESET) { // refused so quickly that it shows here already
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// asks sends a whole request for the health and tells whether it was answered.
func asks(conn net.Conn) error {
	if conn == nil {
		return syscall.ECONNRESET
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return err
}

func TestThreat21_HeadersThatNeverEndAreCutOffAndOthersAreServed(t *testing.T) {
	t.Parallel()
	srv := listening(t, newBench(t, nil), 0, 0)
	slow := make([]net.Conn, 100)
	began := time.Now()
	for i := range slow {
		slow[i] = dial(t, srv, "127.0.0.1")
		if _, err := io.WriteString(slow[i], "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	if err := asks(dial(t, srv, "127.0.0.1")); err != nil {
		t.Errorf("somebody else was not served: %v", err)
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(began.Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("after %s a connection without a request is open still: %v", time.Since(began), err)
		}
	}
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("they were cut off after %s, before anybody slow could finish", took)
	}
}

func TestThreat21_BodiesWithoutEndAreRefusedAtTheLimitAndNotReadOn(t *testing.T) {
	t.Parallel()
	srv := listening(t, newBench(t, func(c *Config) { c.MaxBody, c.MaxBatchBody = 64<<10, 64<<10 }), 0, 0)
	head := "Host: x\r\napikey: " + secretKey + "\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"said to be long": "POST /sync HTTP/1.1\r\n" + head + "Content-Length: 1000000000\r\n\r\n{",
		"in chunks":       "POST /sync HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4000\r\n"+strings.Repeat(" ", 0x4000)+"\r\n", 6),
		"to an operation without one": "GET /writes?workspace_id=" + workspace + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("4000\r\n"+strings.Repeat(" ", 0x4000)+"\r\n", 6),
	} {
		conn := dial(t, srv, "127.0.0.1")
		if err := conn.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() { _, _ = io.WriteString(conn, request) }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if strings.Contains(request, "POST") && resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d, want it refused", name, resp.StatusCode)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: answered after %s", name, took)
		}
		if strings.Contains(request, "POST") && !resp.Close {
			t.Errorf("%s: the connection is kept, and the rest of the body with it", name)
		}
	}
}

func TestThreat21_ABodyThatComesDropByDropIsCutOff(t *testing.T) {
	t.Parallel()
	srv := listening(t, newBench(t, nil), 0, 0)
	conn := dial(t, srv, "127.0.0.1")
	began := time.Now()
	if err := conn.SetDeadline(began.Add(50 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /sync HTTP/1.1\r\nHost: x\r\napikey: "+secretKey+"\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range 100 {
			time.Sleep(500 * time.Millisecond)
			if _, err := io.WriteString(conn, " "); err != nil {
				return
			}
		}
	}()
	answer, err := io.ReadAll(conn) // until the service ends the connection
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("after %s the body is still waited for", time.Since(began))
	}
	if len(answer) > 0 && !strings.Contains(string(answer), " 400 ") {
		t.Errorf("half a body was answered %.40q", answer)
	}
}

func TestThreat21_BodiesOfAllTogetherHaveRoomsOfTheirOwnByWhetherTheirSenderIsKnown(t *testing.T) {
	t.Parallel()
	hooks, err := NewHooks("", "v1,whsec_d2hhdC1zaWducy10aGUtY2FsbHMtb2YtdGhpcy10ZXN0", nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := listening(t, newBench(t, func(c *Config) {
		c.HeldOfCallers, c.HeldOfStrangers = 256<<10, 128<<10
		c.Auth.(*Credentials).Hooks = hooks
	}), 0, 0)
	fill := func(head string) (refused int) {
		head = "POST /sync HTTP/1.1\r\nHost: x\r\n" + head + "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
		for range 10 {
			conn := dial(t, srv, "127.0.0.1")
			if _, err := io.WriteString(conn, head+strings.Repeat(" ", 60_000)); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusTooManyRequests {
					t.Errorf("answered %d", resp.StatusCode)
				}
				refused++
			}
		}
		return refused
	}
	signed := fmt.Sprintf("webhook-id: m\r\nwebhook-timestamp: %d\r\nwebhook-signature: v1,eA==\r\n", time.Now().Unix())
	if n := fill(signed); n < 7 {
		t.Errorf("of ten bodies of strangers that do not end %d were refused, want all for which there is no room", n)
	}
	if n := fill("apikey: " + secretKey + "\r\n"); n < 5 || n > 6 {
		t.Errorf("of ten such bodies of a caller %d were refused: strangers take none of a caller's room, and it has an end", n)
	}
}

func TestThreat21_ABodyThatIsNestedWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, tc := range []struct{ path, open, end string }{{"/sync", `{"a":`, "}"}, {"/sync", "[", "]"}, {"/sync/hubspot/batch", `{"outcomes":[`, "]}"}} {
		body := strings.Repeat(tc.open, 50_000) + "1" + strings.Repeat(tc.end, 50_000)
		e := refused(t, b.send("POST", tc.path, body), http.StatusBadRequest, CodeInvalidJSON)
		if e.Details["offset"] == nil || !strings.Contains(e.Message, "64 levels") {
			t.Errorf("refused with %q, %v", e.Message, e.Details)
		}
	}
	if at := tooDeep([]byte(`{"a":"` + strings.Repeat(`[\"`, 200) + `"}`)); at >= 0 {
		t.Errorf("brackets in a text count as levels, at %d", at)
	}
}

func TestThreat21_OneAddressCannotHoldAllConnections(t *testing.T) {
	t.Parallel()
	srv := listening(t, newBench(t, nil), 12, 4)
	var held []net.Conn
	for range 4 {
		conn := dial(t, srv, "127.0.0.2")
		if err := asks(conn); err != nil {
			t.Fatalf("within the limit: %v", err)
		}
		held = append(held, conn)
	}
	if asks(dial(t, srv, "127.0.0.2")) == nil {
		t.Error("a fifth connection of one address is served")
	}
	if err := asks(dial(t, srv, "127.0.0.3")); err != nil {
		t.Errorf("another address is not served: %v", err)
	}
	_ = held[0].Close()
	eventually(t, func() bool { return asks(dial(t, srv, "127.0.0.2")) == nil })
	for host := 10; host < 20; host++ {
		_ = asks(dial(t, srv, fmt.Sprintf("127.0.0.%d", host)))
	}
	if asks(dial(t, srv, "127.0.0.30")) == nil {
		t.Error("more connections than there may be are served")
	}
}

func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !yes(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not in time")
		}
	}
}
