package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/sim/judges"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// heaviest is what a page may weigh with all that it loads, in bytes.
const heaviest = 100_000

// screen is how somebody looks at the console.
type screen struct {
	width, height int64
	dark          bool
}

func (s screen) String() string {
	return fmt.Sprintf("%d px, %s", s.width, map[bool]string{true: "dark", false: "light"}[s.dark])
}

// screens are a phone and a desk, by day and by night.
func screens() []screen {
	return []screen{{390, 844, false}, {390, 844, true}, {1440, 900, false}, {1440, 900, true}}
}

// tab is a real browser's, which fails its test for whatever goes wrong in a page.
type tab struct {
	t   *testing.T
	d   *desk
	ctx context.Context
	axe string

	mu       sync.Mutex
	bytes    float64
	asked    []string // addresses, since the last navigation
	wrong    []string
	expected int // an HTTP status that a page may have
}

// chromium is the browser's program. Where there is none the test is skipped, and fails when CI=true.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI needs a browser: apt-get install chromium")
	}
	t.Skip("no browser: apt-get install chromium")
	return ""
}

// browser opens a tab of a new browser on the service of d.
func (d *desk) browser(s screen) *tab {
	d.t.Helper()
	program := chromium(d.t)
	judges.Need(d.t, filepath.Join("testdata", "axe"))
	axe, err := os.ReadFile(filepath.Join("testdata", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		d.t.Fatal(err)
	}
	allocate, stop := chromedp.NewExecAllocator(d.t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))...)
	d.t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocate)
	d.t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, 8*time.Minute)
	d.t.Cleanup(cancel)
	b := &tab{t: d.t, d: d, ctx: ctx, axe: string(axe)}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		d.t.Fatal(err)
	}
	b.must(chromedp.Call(ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}))
	b.look(s)
	d.t.Cleanup(b.nothingWentWrong)
	return b
}

func (b *tab) must(_ any, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.TextContent(chromedp.CSS("body")))
		at, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("%v at %s; the page says %q", err, at, text)
	}
}

func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// look changes the screen.
func (b *tab) look(s screen) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(s.width, s.height))
	scheme := map[bool]string{true: "dark", false: "light"}[s.dark]
	b.must(chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// hear notes what a page asks for and what goes wrong.
func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && int(e.Response.Status) != b.expected {
			b.wrong = append(b.wrong, fmt.Sprintf("%s answers %d", e.Response.URL, e.Response.Status))
		}
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	case *network.EventLoadingFailed:
		if !e.Canceled {
			b.wrong = append(b.wrong, fmt.Sprintf("a request failed: %s %s", e.ErrorText, e.BlockedReason))
		}
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, "an exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.wrong = append(b.wrong, fmt.Sprintf("the browser's console: %s", e.Type))
	case *log.EventEntryAdded:
		if b.expected == 0 || !strings.Contains(e.Entry.Text, fmt.Sprint(b.expected)) {
			b.wrong = append(b.wrong, fmt.Sprintf("the browser's log: %s %s", e.Entry.Level, e.Entry.Text))
		}
	}
}

func (b *tab) nothingWentWrong() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		b.t.Error(w)
	}
}

// open loads a page of the console and judges it. status is what it may answer besides 200.
func (b *tab) open(path string, status int) {
	b.t.Helper()
	b.mu.Lock()
	b.bytes, b.asked, b.expected = 0, nil, status
	b.mu.Unlock()
	b.do(chromedp.Navigate(b.d.url+path), chromedp.WaitVisible(chromedp.CSS("h1")))
	b.judge()
	if weight := b.weight(); weight > heaviest {
		b.t.Errorf("%s weighs %.0f bytes, more than %d", path, weight, heaviest)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range b.asked {
		if strings.HasPrefix(address, "data:") {
			continue // the browser's own picture of a calendar; the policy lets none of a page's through
		}
		if u, err := url.Parse(address); err != nil || u.Scheme+"://"+u.Host != b.d.url {
			b.t.Errorf("%s asks another host: %s", path, address)
		}
	}
}

// weight is what was loaded since the last navigation, in bytes.
func (b *tab) weight() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// judge holds the page that is shown against axe, and its width against the screen's.
func (b *tab) judge() {
	b.t.Helper()
	at, err := chromedp.Run(b.ctx, chromedp.Location())
	b.must(nil, err)
	evaluate[bool](b, b.axe+"; true")
	found := evaluate[string](b, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(
		r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html.slice(0, 200) + ' ' + (n.any[0] || n.all[0] || n.none[0] || {}).message)}))))`)
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range violations {
		b.t.Errorf("%s: %s: %s\n%s", at, v.ID, v.Help, strings.Join(v.Nodes, "\n"))
	}
	if over := evaluate[float64](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		b.t.Errorf("%s is %v px wider than the screen", at, over)
	}
}

// signIn types a key into the page.
func (b *tab) signIn(key string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.d.url+"/console"), chromedp.WaitVisible(chromedp.CSS("#credential")),
		chromedp.SendKeys(chromedp.CSS("#credential"), key+"\r"), chromedp.WaitVisible(chromedp.CSS("nav")))
}

func (b *tab) press(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// reads waits until the page says text.
func (b *tab) reads(text string) {
	b.t.Helper()
	b.d.eventually("the page says "+text, func() bool {
		shown, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.readyState === 'complete' ? document.body.innerText : ''"))
		return err == nil && strings.Contains(shown, text)
	})
}

// picture writes docs/console/NAME.png if CONSOLE_PICTURES asks for it.
func (b *tab) picture(name string) {
	b.t.Helper()
	if os.Getenv("CONSOLE_PICTURES") == "" {
		return
	}
	data, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	b.must(nil, err)
	small, err := fewColours(data)
	b.must(nil, err)
	file := filepath.Join("..", "docs", "console", name+".png")
	b.must(nil, os.MkdirAll(filepath.Dir(file), 0o755))
	b.must(nil, os.WriteFile(file, small, 0o644))
}
