// Reads one JSON text a line, a SOQL query, and answers each with one JSON line: what a published parser of SOQL
// made of it.
//
//   {"object":"Lead","conditions":[{"field":"Email","operator":"=","type":"STRING","value":"ada@example.com"}],
//    "joins":["AND"],"limit":5}   or   {"error":"…"}
//
// A condition of a list has a list of values; open and close count the brackets before and after a condition, where there are some.
//
// The parser leaves the text of a string as it stands in the query, quotes and all; it is unescaped here, after
// the list of escapes in Salesforce's SOQL reference and by nobody's code but this file's.
import { createInterface } from 'node:readline'
import { parseQuery } from '@jetstreamapp/soql-parser-js'

const plain = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', '"': '"', '\'': '\'', '\\': '\\' }

function unescape(literal) {
  if (!/^'(?:[^'\\]|\\.)*'$/su.test(literal)) throw new Error(`not one literal: ${literal}`)
  return literal.slice(1, -1).replace(/\\(u[0-9A-Fa-f]{4}|.)/gsu, (whole, escape) => {
    if (escape.length === 5) return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    if (!(escape in plain)) throw new Error(`unknown escape ${whole}`)
    return plain[escape]
  })
}

// flatten walks the parser's chain of conditions: each holds its own, how it joins the next, and the next.
function flatten(where) {
  const conditions = []
  const joins = []
  for (let at = where; at; at = at.right) {
    const { field, operator, literalType: type, value, openParen: open, closeParen: close, ...more } = at.left
    if (Object.keys(more).length > 0) throw new Error(`more than a plain condition: ${JSON.stringify(at.left)}`)
    const plainly = (text) => (type === 'STRING' ? unescape(text) : text)
    conditions.push({ field, operator, type, open, close, value: Array.isArray(value) ? value.map(plainly) : plainly(value) })
    if (at.operator) joins.push(at.operator)
  }
  return { conditions, joins }
}

function judge(query) {
  try {
    const parsed = parseQuery(query)
    return { object: parsed.sObject, ...flatten(parsed.where), limit: parsed.limit ?? 0 }
  } catch (error) {
    return { error: error.message }
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(JSON.stringify(judge(JSON.parse(line))) + '\n')
}
