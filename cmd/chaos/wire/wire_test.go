package wire

import (
	"encoding/binary"
	"testing"
)

func TestRequestsOfAConnectionAreNamedByWhatTheyAsk(t *testing.T) {
	t.Parallel()
	h := &HTTP{}
	for _, tc := range []struct {
		answer bool
		text   string
		want   Step
	}{
		{false, "POST /crm/v3/objects/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer abc\r\n\r\n{", Step{Label: "POST /crm/v3/objects/tasks", Begins: true, Secret: "abc"}},
		{false, "}", Step{Label: "POST /crm/v3/objects/tasks", Offset: 76, Secret: "abc"}},
		{true, "HTTP/1.1 201", Step{Label: "POST /crm/v3/objects/tasks", Begins: true, Secret: "abc"}},
		{true, " Created", Step{Label: "POST /crm/v3/objects/tasks", Offset: 12, Secret: "abc"}},
		{false, "GET /crm/v3/objects/contacts/ada%40example.com?idProperty=email HTTP/1.1\r\n\r\n", Step{Label: "GET /crm/v3/objects/contacts/{id}", Begins: true}},
		{true, "HTTP/1.1 404", Step{Label: "GET /crm/v3/objects/contacts/{id}", Begins: true}},
		{false, "PATCH /services/data/v66.0/sobjects/Lead/00Q000000000001AAA HTTP/1.1\r\n\r\n", Step{Label: "PATCH /services/data/v66.0/sobjects/Lead/{id}", Begins: true}},
		{true, "HTTP/1.1 204", Step{Label: "PATCH /services/data/v66.0/sobjects/Lead/{id}", Begins: true}},
		{false, "GET /services/data/v66.0/query?q=SELECT+Id+FROM+Lead+WHERE+Email HTTP/1.1\r\n\r\n", Step{Label: "GET /services/data/v66.0/query from Lead", Begins: true}},
	} {
		got := h.Request
		if tc.answer {
			got = h.Answer
		}
		s := got([]byte(tc.text))
		if s.Label != tc.want.Label || s.Begins != tc.want.Begins || s.Offset != tc.want.Offset || s.Secret != tc.want.Secret {
			t.Errorf("%q: got %+v, want %+v", tc.text, s, tc.want)
		}
	}
}

func message(kind byte, body string) []byte {
	out := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))
	return append(out, body...)
}

func TestStatementsAreNamedBySQLHoweverTheyAreSent(t *testing.T) {
	t.Parallel()
	p := &Postgres{}
	startup := binary.BigEndian.AppendUint32(nil, 8)
	if got := p.Request(append(startup, 0, 3, 0, 0)).Label; got != "0 -" {
		t.Errorf("startup is %q", got)
	}
	join := func(list ...[]byte) (out []byte) {
		for _, m := range list {
			out = append(out, m...)
		}
		return out
	}
	for _, tc := range []struct {
		data []byte
		want string
	}{
		{join(message('P', "s1\x00update t\n set a = $1\x00\x00\x00"), message('D', "Ss1\x00"), message('S', "")), "PDS update t set a = $1"},
		{join(message('B', "\x00s1\x00\x00\x00\x00\x00\x00\x00"), message('E', "\x00\x00\x00\x00\x00"), message('S', "")), "BES update t set a = $1"},
		{message('Q', "commit\x00"), "Q commit after update t set a = $1"},
		{message('Q', "begin\x00"), "Q begin after update t set a = $1"},
	} {
		if got := p.Request(tc.data).Label; got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
		if got := p.Answer([]byte("x")).Label; got != tc.want {
			t.Errorf("its answer: %q", got)
		}
		if got := p.Answer([]byte("x")).Label; got != tc.want+" #2" {
			t.Errorf("the rest of its answer: %q", got)
		}
	}
}

func TestAMessageInTwoPiecesIsNamedOnceItIsWhole(t *testing.T) {
	t.Parallel()
	p := &Postgres{started: true}
	whole := message('Q', "select 1\x00")
	first, second := p.Request(whole[:7]), p.Request(whole[7:])
	if !first.Begins || second.Begins || second.Label != "Q select 1" {
		t.Errorf("got %+v and %+v", first, second)
	}
}
