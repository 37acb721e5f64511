// What the tests of both simulators share: where they are, their control API, the browser's part of signing in,
// and the ledger in which a test enters what it wrote.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

function setting(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: go test ./sim/judges sets it`)
  return value
}

export const hubspotURL = setting('SIM_HUBSPOT')
export const salesforceURL = setting('SIM_SALESFORCE')
export const redirectURL = 'http://localhost/callback'

// control speaks to a simulator's own API, which no CRM has.
export async function control(base, method, path, body) {
  const answer = await fetch(base + '/__sim' + path, { method, body: body && JSON.stringify(body) })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

// signIn is the browser on its way through the sign-in page: the parameters with which it comes back to the app.
export async function signIn(authorizeURL, base) {
  const { pathname, search } = new URL(authorizeURL)
  const answer = await fetch(base + pathname + search, { redirect: 'manual' })
  const to = answer.headers.get('location')
  assert.equal(answer.status, 302, `authorize answered ${answer.status}: ${await answer.text()}`)
  assert.ok(to.startsWith(redirectURL + '?'), `authorize redirects to ${to}`)
  return Object.fromEntries(new URL(to).searchParams)
}

// rejection is the error with which a promise ends.
export async function rejection(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail('the call should have failed')
}

// Ledger is what the tests of one CRM say they wrote, in order.
export class Ledger {
  #crm
  #entries = []

  constructor(crm) {
    this.#crm = crm
  }

  wrote(op, object, id, fields = {}, to = []) {
    assert.match(String(id), /^[0-9A-Za-z]+$/, `the id of a written ${object}`)
    this.#entries.push({ op, object, id: String(id), fields, to })
  }

  // balance compares the ledger with the simulator's operation log.
  balance() {
    const log = readFileSync(setting('SIM_OPLOG'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line))
    const ours = log.filter((entry) => entry.crm === this.#crm)
    assert.ok(this.#entries.length > 0, 'nothing was written')
    assert.deepEqual(ours.map(({ op, object, id, fields = {}, to = [] }) => ({ op, object, id, fields, to })), this.#entries)
  }
}
