// What the applications of Supabase's users do, with the client that they do it with. `go test ./supabase` starts the service and
// gives its address, keys and tokens in the environment.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const given = JSON.parse(process.env.SERVICE)
const releases = ['supabase-js-newest', 'supabase-js-2-109']

for (const release of releases) {
  const { createClient, FunctionsHttpError, FunctionsFetchError, FunctionsRelayError } = await import(release)

  const sent = [] // header names of every request
  const watched = (input, init) => {
    sent.push(...new Headers(init?.headers).keys())
    return fetch(input, init)
  }
  const auth = { persistSession: false, autoRefreshToken: false }
  const as = (key, options = {}, url = given.url) => createClient(url, key, { auth, global: { fetch: watched }, ...options }).functions
  const person = as(given.publishable, { accessToken: async () => given.token, auth: undefined })
  const stranger = as(given.publishable)
  const service = as(given.secret)
  const outcome = (event) => ({ workspace_id: given.workspace, source_event_id: `${release}-${event}`, contact: { email: `${event}@example.com` } })
  const json = async (error) => JSON.parse(await error.context.clone().text())

  test(`${release}: a. a person begins to connect`, async () => {
    const { data, error, response } = await person.invoke('hubspot-oauth-start', { body: { workspace_id: given.workspace, redirect_to: '/integrations' } })
    assert.equal(error, null)
    const u = new URL(data.authorizeUrl)
    assert.equal(u.origin + u.pathname, given.hubspot + '/oauth/authorize')
    for (const name of ['client_id', 'redirect_uri', 'scope', 'state']) assert.ok(u.searchParams.get(name), name)
    if (response) assert.equal(response.status, 200)
  })

  test(`${release}: b. without a session nobody is let in`, async () => {
    const { data, error } = await stranger.invoke('hubspot-oauth-start', { body: { workspace_id: given.workspace } })
    assert.equal(data, null)
    assert.ok(error instanceof FunctionsHttpError)
    assert.equal(error.context.status, 401)
    const { code } = await json(error)
    assert.ok(['UNAUTHORIZED_NO_AUTH_HEADER', 'UNAUTHORIZED_INVALID_API_KEY'].includes(code), code)
    assert.equal(error.context.headers.get('sb-error-code'), code)
  })

  for (const [name, key] of [['a secret key', 'secret'], ['the service_role key', 'serviceRole']]) {
    test(`${release}: c. a service with ${name} hands in an outcome`, async () => {
      const { data, error, response } = await as(given[key]).invoke('sync', { body: outcome('c-' + key) })
      assert.equal(error, null)
      assert.equal(data.status, 'queued')
      assert.ok(data.job_id)
      if (response) assert.equal(response.status, 202)
    })
  }

  test(`${release}: d. sub-paths, methods, regions and headers are routed`, async () => {
    const { data: plan, error: e1 } = await service.invoke('sync/hubspot?dry_run=true', { body: outcome('d1'), region: 'us-east-1' })
    assert.equal(e1, null)
    assert.equal(plan.status, 'dry_run')
    const { data: writes, error: e2 } = await service.invoke(`writes?workspace_id=${given.workspace}`, { method: 'GET' })
    assert.equal(e2, null)
    assert.ok(Array.isArray(writes.writes))
    const { error: e3 } = await service.invoke('apps/salesforce', { method: 'PUT', body: { workspace_id: given.other, client_id: 'c', client_secret: 's' } })
    assert.equal(e3, null)
    const { data: app, error: e4 } = await service.invoke(`apps/salesforce?workspace_id=${given.other}`, { method: 'DELETE' })
    assert.equal(e4, null)
    assert.equal(app.source, 'installation')
    const nameless = outcome('d2')
    delete nameless.source_event_id
    const once = { body: nameless, headers: { 'Idempotency-Key': `${release}-once` }, region: 'eu-central-1' }
    const [first, second] = [await service.invoke('sync', once), await service.invoke('sync', once)]
    assert.equal(first.error, null)
    assert.equal(second.error, null)
    assert.ok(first.data.job_id)
    assert.equal(first.data.job_id, second.data.job_id)
  })

  test(`${release}: e. failures are of the right kind`, async () => {
    for (const [name, options, status, code] of [
      ['sync', { body: { workspace_id: 1 } }, 400, 'validation_failed'],
      ['sync', { body: '{"a":' }, 400, 'invalid_json'],
      ['sync', { method: 'GET' }, 405, 'METHOD_NOT_ALLOWED'],
      ['no-such-function', { body: {} }, 404, 'NOT_FOUND'],
    ]) {
      const { data, error } = await service.invoke(name, options)
      assert.equal(data, null)
      assert.ok(error instanceof FunctionsHttpError, `${name}: ${error}`)
      assert.ok(!(error instanceof FunctionsRelayError))
      assert.equal(error.context.status, status)
      const body = await json(error)
      assert.equal(body.code, code)
      assert.ok(body.error && body.message)
    }
    const { error: dead } = await as(given.secret, {}, given.killed).invoke('sync', { body: outcome('e1') })
    assert.ok(dead instanceof FunctionsFetchError, String(dead))
    const { error: late } = await service.invoke('sync', { body: outcome('e2'), headers: { Prefer: 'wait=20', 'x-request-id': `given-up-${release}` }, timeout: 150 })
    assert.ok(late instanceof FunctionsFetchError, String(late))
  })

  test(`${release}: f. every success is an object`, async () => {
    for (const [client, name, options] of [
      [person, 'salesforce-oauth-start', { body: { workspace_id: given.workspace } }],
      [person, `connections?workspace_id=${given.workspace}`, { method: 'GET' }],
      [person, `apps?workspace_id=${given.workspace}`, { method: 'GET' }],
      [person, `writes?workspace_id=${given.workspace}`, { method: 'GET' }],
      [service, 'sync/sweep', {}],
      [service, 'sync', { body: { type: 'DELETE', table: 't', schema: 'public', record: null, old_record: {} } }],
      [service, 'health', { method: 'GET' }],
    ]) {
      const { data, error } = await client.invoke(name, options)
      assert.equal(error, null, `${name}: ${error}`)
      assert.equal(typeof data, 'object', name)
      assert.ok(Object.keys(data).length > 0, name)
    }
  })

  test(`${release}: g. a browser may send every header that the client sets`, async () => {
    const names = [...new Set([...sent, 'authorization', 'apikey', 'x-client-info', 'content-type', 'x-region', 'idempotency-key'])]
    assert.ok(sent.includes('apikey') && sent.includes('authorization') && sent.includes('x-client-info'), sent.join())
    const answer = await fetch(given.url + '/functions/v1/sync', { method: 'OPTIONS',
      headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': names.join() } })
    assert.ok(answer.ok)
    const allowed = answer.headers.get('access-control-allow-headers').toLowerCase().split(/, */)
    assert.deepEqual(names.filter((n) => !allowed.includes(n.toLowerCase())), [])
    assert.ok(['*', 'https://app.example.com'].includes(answer.headers.get('access-control-allow-origin')))
  })
}
