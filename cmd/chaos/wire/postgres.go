package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// Postgres names what a client asks by the SQL that it is about. BEGIN, COMMIT and ROLLBACK are told apart by the
// statement before them on the connection.
type Postgres struct {
	started  bool
	rest     []byte            // of a message that has not arrived whole
	prepared map[string]string // SQL by the name of its statement
	last     string            // the statement before
	label    string
	part     int // chunks of the answer so far
	offset   int
}

const maxSQL = 60

// Request names a chunk by the last statement in it and the kinds of message that it holds.
func (p *Postgres) Request(data []byte) Step {
	if p.prepared == nil {
		p.prepared = map[string]string{}
	}
	begins := len(p.rest) == 0
	p.rest = append(p.rest, data...)
	kinds, sql := "", ""
	for {
		kind, body, ok := p.next()
		if !ok {
			break
		}
		kinds += string(kind)
		if s := p.about(kind, body); s != "" {
			sql = s
		}
	}
	p.label = kinds + " " + p.statement(sql)
	p.part, p.offset = 0, 0
	return Step{Label: p.label, Begins: begins, Text: data}
}

// Answer names a chunk by what it answers and its place in the answer.
func (p *Postgres) Answer(data []byte) Step {
	s := Step{Label: p.label, Begins: p.part == 0, Offset: p.offset, Text: data}
	if p.part > 0 {
		s.Label = fmt.Sprintf("%s #%d", p.label, p.part+1)
	}
	p.part++
	p.offset += len(data)
	return s
}

// next takes a whole message from what has arrived. The first of a connection has no kind; it is called startup.
func (p *Postgres) next() (kind byte, body []byte, ok bool) {
	head := 1
	if !p.started {
		head = 0
	}
	if len(p.rest) < head+4 {
		return 0, nil, false
	}
	size := head + int(binary.BigEndian.Uint32(p.rest[head:]))
	if size < head+4 || len(p.rest) < size {
		return 0, nil, false
	}
	message := p.rest[:size]
	p.rest = append([]byte(nil), p.rest[size:]...)
	if !p.started {
		p.started = true
		return '0', nil, true
	}
	return message[0], message[5:], true
}

// about is the SQL that a message is about; empty if it is about none.
func (p *Postgres) about(kind byte, body []byte) string {
	first, rest := cString(body)
	switch kind {
	case 'Q':
		return first
	case 'P': // name, SQL
		sql, _ := cString(rest)
		p.prepared[first] = sql
		return sql
	case 'B': // portal, name
		name, _ := cString(rest)
		return p.prepared[name]
	}
	return ""
}

func cString(b []byte) (text string, rest []byte) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return string(b[:i]), b[i+1:]
	}
	return string(b), nil
}

func (p *Postgres) statement(sql string) string {
	words := strings.Join(strings.Fields(sql), " ")
	switch strings.ToLower(words) {
	case "":
		return "-"
	case "begin", "commit", "rollback":
		return strings.ToLower(words) + " after " + p.last
	}
	name := words
	if len(name) > maxSQL {
		name = fmt.Sprintf("%s~%08x", name[:maxSQL], crc32.ChecksumIEEE([]byte(words)))
	}
	p.last = name
	return name
}
