package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"crm-connectors/store"
)

type tuple [6]string

func (p tuple) key() string { return store.IdempotencyKey(p[0], p[1], p[2], p[3], p[4], p[5]) }

// hostile are texts that a join or an escape could get wrong.
func hostile() *rapid.Generator[string] {
	awkward := rapid.SampledFrom([]rune(":%%::0123456789ABCabc/\\'\"\u2028é\u0301ß\U0001F600 \n\t\x7f"))
	anyRune := rapid.Rune().Filter(func(r rune) bool { return r != 0 && utf8.ValidRune(r) })
	return rapid.StringOfN(rapid.OneOf(awkward, awkward, anyRune), 0, 12, -1)
}

func tuples() *rapid.Generator[tuple] {
	return rapid.Custom(func(t *rapid.T) (p tuple) {
		for i := range p {
			p[i] = hostile().Draw(t, fmt.Sprintf("part %d", i))
		}
		return p
	})
}

func TestIdempotencyKeysAreThoseThatConduitAlreadyHas(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]tuple{
		"ed15c24f4b0f31440cf40339bdcb62b4b62e1f85a33c7868e06a9e03bd69c8ca": {"w1", "hubspot", "thread", "t1", "sync", "event1"},
		"47f3d7fc630b509ab225f5de7fd51d3d3ef8d75fb2a9e29ab3a98835d0f3f033": {
			"11111111-1111-1111-1111-111111111111", "hubspot", "thread", "22222222-2222-2222-2222-222222222222", "sync", "v1"},
		"581e71402429a46e8909bc8e4597f3538e9bfa388919531cd30ddda146453a07": {"w1", "deal_link", "t1", "d1", "link", "event1"},
	} {
		if got := p.key(); got != want {
			t.Errorf("key of %q: got %s, want %s", p, got, want)
		}
	}
}

func TestThePartsOfAKeyAreEscapedBeforeTheyAreJoined(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("a%3Ab:%253A:%25:::é"))
	if got, want := (tuple{"a:b", "%3A", "%", "", "", "é"}).key(), hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestGoAndTheDatabaseMakeTheSameKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := tuples().Draw(rt, "tuple")
		var inDatabase string
		err := b.pool.QueryRow(t.Context(), `select build_crm_idempotency_key($1, $2, $3, $4, $5, $6)`, p[0], p[1], p[2], p[3], p[4], p[5]).Scan(&inDatabase)
		if err != nil {
			rt.Fatal(err)
		}
		if got := p.key(); got != inDatabase {
			rt.Fatalf("key of %q: Go %s, database %s", p, got, inDatabase)
		}
	})
}

func TestDifferentTuplesNeverShareAKey(t *testing.T) {
	t.Parallel()
	t.Run("whatever they are", rapid.MakeCheck(func(t *rapid.T) {
		a, b := tuples().Draw(t, "a"), tuples().Draw(t, "b")
		if (a == b) != (a.key() == b.key()) {
			t.Fatalf("%q and %q: keys %s and %s", a, b, a.key(), b.key())
		}
	}))
	t.Run("when characters move from one part to the next", rapid.MakeCheck(func(t *rapid.T) {
		a := tuples().Draw(t, "tuple")
		b := a
		at := rapid.IntRange(0, 4).Draw(t, "at")
		both := []rune(a[at] + rapid.SampledFrom([]string{"", ":", "%", "%3A", "%25"}).Draw(t, "between") + a[at+1])
		cut := rapid.IntRange(0, len(both)).Draw(t, "cut")
		b[at], b[at+1] = string(both[:cut]), string(both[cut:])
		if (a == b) != (a.key() == b.key()) {
			t.Fatalf("%q and %q: keys %s and %s", a, b, a.key(), b.key())
		}
	}))
	t.Run("when a separator is written as its escape", func(t *testing.T) {
		seen := map[string]string{}
		for _, part := range []string{":", "%3A", "%3a", "%253A", "%25", "%", "%%", "::", ""} {
			key := tuple{part, "", "", "", "", ""}.key()
			if other, ok := seen[key]; ok {
				t.Errorf("%q and %q share a key", part, other)
			}
			seen[key] = part
		}
	})
}

func TestAPayloadHashIsThatOfTheCompactJSONWithKeysInByteOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ payload, canonical string }{
		"spaces and order":  {`{ "thread_id": "t1", "action": "x" }`, `{"action":"x","thread_id":"t1"}`},
		"byte order":        {`{"whatId":1,"fieldA":2,"field1":3,"field_1":4,"WhoId":5,"Field1":6}`, `{"Field1":6,"WhoId":5,"field1":3,"fieldA":2,"field_1":4,"whatId":1}`},
		"nested":            {`{"b":[{"z":1,"a":null}],"a":{"y":true,"x":false}}`, `{"a":{"x":false,"y":true},"b":[{"a":null,"z":1}]}`},
		"no HTML escapes":   {`{"a":"<b>\u0026</b>"}`, `{"a":"<b>&</b>"}`},
		"line separators":   {`{"a":"\u2028 \u2029 \\u2028 \\\u2028"}`, "{\"a\":\"\u2028 \u2029 \\\\u2028 \\\\\u2028\"}"},
		"big integers":      {`{"id": 900719925474099312345, "n": 0.10}`, `{"id":900719925474099312345,"n":0.10}`},
		"escapes unfolded":  {`{"a":"\u00e9\/\u0041"}`, `{"a":"é/A"}`},
		"escapes JSON asks": {`{"a":"\"\\\n\t\u0001"}`, `{"a":"\"\\\n\t\u0001"}`},
	} {
		got, err := store.PayloadHash(json.RawMessage(c.payload))
		sum := sha256.Sum256([]byte(c.canonical))
		if want := hex.EncodeToString(sum[:]); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, want)
		}
	}
	const known = "b338f4e136dd49ede8a16838aee991807d7de6080b7c9ed5df329fb534330539"
	got, err := store.PayloadHash(json.RawMessage(`{"thread_id":"t1","schema_version":"v1","action":"upsert_task_and_note"}`))
	if err != nil || got != known {
		t.Errorf("got %s, %v; want %s", got, err, known)
	}
}

func TestAPayloadHashIsTheSameHoweverItsKeysAreOrderedAndSpaced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(hostile(), 0, 5, rapid.ID[string]).Draw(t, "keys")
		one, other := "{", "{ "
		for i := range keys {
			value := hostile().Draw(t, "value")
			field := func(k string) string {
				name, _ := json.Marshal(k)
				text, _ := json.Marshal(value)
				return string(name) + ":" + string(text)
			}
			if i > 0 {
				one += ","
			}
			one += field(keys[i])
			other = "{ " + field(keys[i]) + map[bool]string{true: " , "}[i > 0] + strings.TrimPrefix(other, "{ ")
		}
		a, errA := store.PayloadHash(json.RawMessage(one + "}"))
		b, errB := store.PayloadHash(json.RawMessage(other + " }"))
		if errA != nil || errB != nil || a != b {
			t.Fatalf("%s: %s, %v; %s: %s, %v", one, a, errA, other, b, errB)
		}
	})
}

func TestAPayloadThatIsNotJSONHasNoHash(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"", "{", "nope"} {
		if got, err := store.PayloadHash(json.RawMessage(payload)); err == nil {
			t.Errorf("hash of %q: got %s, want an error", payload, got)
		}
	}
}

func TestASyncIDDependsOnWorkspaceAndEventAlone(t *testing.T) {
	t.Parallel()
	a, b := uuid.New(), uuid.New()
	if got, want := store.SyncID(a, "e1"), store.SyncID(a, strings.Clone("e1")); got != want {
		t.Errorf("the same event: got %s and %s", got, want)
	}
	if store.SyncID(a, "e1") == store.SyncID(a, "e2") || store.SyncID(a, "e1") == store.SyncID(b, "e1") {
		t.Error("another event or workspace has the same sync id")
	}
}
