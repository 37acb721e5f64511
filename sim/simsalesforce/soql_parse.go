package simsalesforce

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	maxQuery  = 100_000
	maxOffset = 2_000
)

// statement is a parsed query; its names are not yet looked up in the schema.
type statement struct {
	src    string
	count  bool // SELECT COUNT()
	fields []token
	from   token
	where  *node // nil: none
	order  []orderKey
	limit  int // -1: none
	offset int
}

type orderKey struct {
	name      token
	desc      bool
	nullsLast bool
}

// node is a condition, or "and", "or", "not" of others.
type node struct {
	op     string // and, or, not; else a comparison
	kids   []*node
	field  token
	values []literal
}

type parser struct {
	src    string
	tokens []token
	at     int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// accept takes the given words or signs if all of them come next.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.tokens) || !p.tokens[p.at+i].is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) expect(word string) *refusal {
	if p.accept(word) {
		return nil
	}
	return p.unexpected()
}

func (p *parser) unexpected() *refusal {
	return malformed(p.src, p.peek().pos, fmt.Sprintf("unexpected token: '%s'", p.peek().text))
}

// name takes a field or object name. Keywords may not stand for one.
func (p *parser) name() (token, *refusal) {
	t := p.peek()
	for _, reserved := range []string{"SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "LIKE", "IN", "ORDER", "LIMIT", "OFFSET", "NULL"} {
		if t.is(reserved) {
			return t, p.unexpected()
		}
	}
	if t.kind != tokenWord {
		return t, p.unexpected()
	}
	return p.next(), nil
}

func parseQuery(src string) (*statement, *refusal) {
	if len(src) > maxQuery {
		return nil, malformed(src, 0, "SOQL statements cannot be longer than 100000 characters.")
	}
	tokens, no := lex(src)
	if no != nil {
		return nil, no
	}
	p := &parser{src: src, tokens: tokens}
	st := &statement{src: src, limit: -1}
	for _, part := range []func(*statement) *refusal{p.selectList, p.fromWhere, p.orderBy, p.limits} {
		if no := part(st); no != nil {
			return nil, no
		}
	}
	if p.peek().kind != tokenEnd {
		return nil, p.unexpected()
	}
	return st, nil
}

func (p *parser) selectList(st *statement) *refusal {
	if no := p.expect("SELECT"); no != nil {
		return no
	}
	if p.accept("COUNT", "(", ")") {
		st.count = true
		return nil
	}
	for {
		name, no := p.name()
		if no != nil {
			return no
		}
		st.fields = append(st.fields, name)
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) fromWhere(st *statement) (no *refusal) {
	if no := p.expect("FROM"); no != nil {
		return no
	}
	if st.from, no = p.name(); no != nil {
		return no
	}
	if p.accept("WHERE") {
		st.where, no = p.conditions()
	}
	return no
}

// conditions are joined by AND alone or by OR alone; to mix them takes parentheses.
func (p *parser) conditions() (*node, *refusal) {
	first, no := p.condition()
	if no != nil {
		return nil, no
	}
	for _, op := range []string{"and", "or"} {
		if !p.peek().is(op) {
			continue
		}
		group := &node{op: op, kids: []*node{first}}
		for p.accept(op) {
			kid, no := p.condition()
			if no != nil {
				return nil, no
			}
			group.kids = append(group.kids, kid)
		}
		if p.peek().is("and") || p.peek().is("or") {
			return nil, p.unexpected()
		}
		return group, nil
	}
	return first, nil
}

func (p *parser) condition() (*node, *refusal) {
	if p.accept("NOT") {
		kid, no := p.condition()
		return &node{op: "not", kids: []*node{kid}}, no
	}
	if p.accept("(") {
		inner, no := p.conditions()
		if no != nil {
			return nil, no
		}
		return inner, p.expect(")")
	}
	return p.comparison()
}

func (p *parser) comparison() (*node, *refusal) {
	field, no := p.name()
	if no != nil {
		return nil, no
	}
	n := &node{field: field}
	switch {
	case p.accept("NOT", "IN"):
		n.op = "not in"
	case p.accept("IN"):
		n.op = "in"
	case p.accept("LIKE"):
		n.op = "like"
	default:
		for _, op := range []string{"=", "!=", "<>", "<=", ">=", "<", ">"} {
			if p.accept(op) {
				n.op = strings.Replace(op, "<>", "!=", 1)
				break
			}
		}
	}
	if n.op == "" {
		return nil, p.unexpected()
	}
	if n.op != "in" && n.op != "not in" {
		v, no := p.literal(n.op == "like")
		n.values = []literal{v}
		return n, no
	}
	if no := p.expect("("); no != nil {
		return nil, no
	}
	for {
		v, no := p.literal(false)
		if no != nil {
			return nil, no
		}
		n.values = append(n.values, v)
		if !p.accept(",") {
			return n, p.expect(")")
		}
	}
}

func (p *parser) orderBy(st *statement) *refusal {
	if !p.accept("ORDER") {
		return nil
	}
	if no := p.expect("BY"); no != nil {
		return no
	}
	for {
		name, no := p.name()
		if no != nil {
			return no
		}
		key := orderKey{name: name}
		if !p.accept("ASC") {
			key.desc = p.accept("DESC")
		}
		if p.accept("NULLS", "LAST") {
			key.nullsLast = true
		} else {
			p.accept("NULLS", "FIRST")
		}
		st.order = append(st.order, key)
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) limits(st *statement) *refusal {
	for _, part := range []struct {
		word string
		into *int
	}{{"LIMIT", &st.limit}, {"OFFSET", &st.offset}} {
		if !p.accept(part.word) {
			continue
		}
		n, err := strconv.Atoi(p.peek().text)
		if p.peek().kind != tokenNumber || err != nil || n < 0 {
			return p.unexpected()
		}
		*part.into = n
		p.next()
	}
	if st.offset > maxOffset {
		return refuse(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
	}
	return nil
}
