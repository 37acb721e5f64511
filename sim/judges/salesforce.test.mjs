// jsforce, the client that most Node programs use, against the Salesforce simulator.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import jsforce from 'jsforce'
import { control, Ledger, redirectURL, rejection, salesforceURL, signIn } from './simulator.mjs'

const ledger = new Ledger('salesforce')

let org
let conn
let leadID

const auth = (useVerifier = true) => new jsforce.OAuth2({
  loginUrl: salesforceURL, clientId: org.client_id, clientSecret: org.client_secret, redirectUri: redirectURL, useVerifier,
})

// Partner rules want code_challenge_method in the request and the simulator insists; jsforce leaves it out.
const authorizeURL = (oauth2, more = {}) => oauth2.getAuthorizationUrl({ scope: 'api refresh_token', code_challenge_method: 'S256', ...more })

async function connect() {
  const oauth2 = auth()
  const { code } = await signIn(authorizeURL(oauth2), salesforceURL)
  const made = new jsforce.Connection({ oauth2, version: '66.0' })
  await made.authorize(code)
  return made
}

// literal is a SOQL literal of any text: jsforce itself escapes quotes and nothing else.
const literal = (text) => `'${text.replace(/[\\']/g, '\\$&').replace(/\n/g, '\\n')}'`

before(async () => {
  org = await control(salesforceURL, 'GET', '/org')
  conn = await connect()
})

test('jsforce signs in with PKCE and knows who it is', async () => {
  const oauth2 = auth()
  const back = await signIn(authorizeURL(oauth2, { state: 'state-1' }), salesforceURL)
  assert.equal(back.state, 'state-1')
  const fresh = new jsforce.Connection({ oauth2, version: '66.0' })
  const user = await fresh.authorize(back.code)
  assert.deepEqual([user.id, user.organizationId], [org.user_id, org.org_id])
  assert.equal(fresh.instanceUrl, salesforceURL)
  assert.ok(fresh.refreshToken && fresh.accessToken.startsWith(org.org_id.slice(0, 15) + '!'))

  const used = await rejection(oauth2.requestToken(back.code))
  assert.deepEqual([used.name, used.message], ['invalid_grant', 'expired authorization code'])

  const identity = await fresh.identity()
  assert.deepEqual([identity.user_id, identity.organization_id, identity.id], [org.user_id, org.org_id, user.url])
  const bare = new jsforce.Connection({ instanceUrl: salesforceURL, accessToken: fresh.accessToken, version: '66.0' })
  assert.equal((await bare.identity()).username, identity.username, 'without a sign-in the identity URL comes from the API')
})

test('PKCE is required, and the verifier must be the one of the challenge', async () => {
  assert.equal((await signIn(authorizeURL(auth(false)), salesforceURL)).error, 'invalid_request')
  const { code } = await signIn(authorizeURL(auth()), salesforceURL)
  assert.match((await rejection(auth().requestToken(code))).name, /^invalid_(request|grant)$/)
})

test('a refresh rotates the token; the old one fails and takes the new one along', async () => {
  const first = await connect()
  const second = await first.oauth2.refreshToken(first.refreshToken)
  assert.ok(second.refresh_token && second.refresh_token !== first.refreshToken)
  assert.match(second.issued_at, /^\d{13}$/)
  assert.equal(second.expires_in, undefined)
  const third = await first.oauth2.refreshToken(second.refresh_token)
  const working = new jsforce.Connection({ instanceUrl: third.instance_url, accessToken: third.access_token, version: '66.0' })
  assert.ok((await working.limits()).DailyApiRequests.Max > 0)

  for (const token of [first.refreshToken, third.refresh_token]) {
    const dead = await rejection(first.oauth2.refreshToken(token))
    assert.deepEqual([dead.name, dead.message], ['invalid_grant', 'expired access/refresh token'])
  }
  assert.equal((await rejection(working.limits())).errorCode, 'INVALID_SESSION_ID')
})

test('jsforce takes an expired session for one, refreshes and goes on', async () => {
  const own = await connect()
  const before = own.accessToken
  const refreshed = []
  own.on('refresh', (token, answer) => {
    refreshed.push(token)
    own.refreshToken = answer.refresh_token // jsforce leaves rotation to its user
  })
  await control(salesforceURL, 'POST', '/expire-tokens')
  assert.equal((await own.query('SELECT Id FROM Organization')).records[0].Id, org.org_id)
  assert.equal(refreshed.length, 1)
  assert.notEqual(own.accessToken, before)
  conn = own
})

test('a lead is created, retrieved, updated and retrieved again', async () => {
  const fields = { LastName: 'O\'Neil \\ "A" 100%_ 😀', FirstName: 'Ada', Company: 'Example & Söhne', Email: 'ada.o\'neil+1@example.com', Description: 'one\ntwo' }
  const made = await conn.sobject('Lead').create(fields)
  assert.deepEqual([made.success, made.errors], [true, []])
  leadID = made.id
  ledger.wrote('create', 'Lead', leadID, fields)
  const read = await conn.sobject('Lead').retrieve(leadID)
  assert.equal(read.attributes.url, `/services/data/v66.0/sobjects/Lead/${leadID}`)
  for (const [name, value] of Object.entries(fields)) assert.equal(read[name], value, name)
  assert.equal(read.Status, 'Open - Not Contacted')

  const changed = await conn.sobject('Lead').update({ Id: leadID, Title: 'Analyst', Description: null })
  assert.deepEqual(changed, { id: leadID, success: true, errors: [] })
  ledger.wrote('update', 'Lead', leadID, { Title: 'Analyst', Description: '' })
  const again = await conn.sobject('Lead').retrieve(leadID, { fields: ['Title', 'Description', 'LastName'] })
  assert.deepEqual([again.Title, again.Description, again.LastName], ['Analyst', null, fields.LastName])
})

test('queries find special characters, by jsforce\'s own conditions and by SOQL', async () => {
  const lead = await conn.sobject('Lead').findOne({ Email: 'ADA.O\'Neil+1@example.com' }, ['Id', 'LastName', 'IsConverted'])
  assert.deepEqual([lead.Id, lead.IsConverted], [leadID, false])
  for (const [where, matches] of [
    [`LastName = ${literal(lead.LastName)}`, 1],
    [`LastName LIKE 'O\\'Neil%'`, 1],
    [`LastName LIKE '%100\\%\\_%'`, 1],
    [`LastName LIKE '%100\\_%'`, 0],
    [`Email IN ('nobody@example.com', 'ada.o\\'neil+1@example.com') AND IsConverted = false`, 1],
    [`Company = '\\u0045xample & Söhne'`, 1],
    [`LastName = '' OR LastName = null`, 0],
  ]) {
    const answer = await conn.query(`SELECT Id FROM Lead WHERE ${where} ORDER BY CreatedDate DESC NULLS LAST LIMIT 5`)
    assert.deepEqual([answer.totalSize, answer.done], [matches, true], where)
    assert.deepEqual(answer.records.map((record) => record.Id), matches ? [leadID] : [], where)
  }
  assert.equal((await conn.query('SELECT COUNT() FROM Opportunity')).totalSize, 3)
})

test('long results come in pages that queryMore follows', async () => {
  const ids = []
  for (let i = 0; i < 450; i++) {
    ids.push((await control(salesforceURL, 'POST', '/seed', {
      object: 'Contact', fields: { LastName: 'Page', Email: `page${i}@example.com`, AccountId: org.account_id },
    })).id)
  }
  const soql = 'SELECT Id FROM Contact WHERE LastName = \'Page\' ORDER BY CreatedDate ASC, Id ASC'
  const headers = { 'Sforce-Query-Options': 'batchSize=200' }
  const first = await conn.query(soql, { headers })
  assert.deepEqual([first.totalSize, first.done, first.records.length], [450, false, 200])
  const second = await conn.queryMore(first.nextRecordsUrl, { headers })
  assert.deepEqual([second.done, second.records.length], [false, 200])
  const third = await conn.queryMore(second.nextRecordsUrl, { headers })
  assert.deepEqual([third.done, third.records.length, third.nextRecordsUrl], [true, 50, undefined])
  const seen = [...first.records, ...second.records, ...third.records].map((record) => record.Id)
  assert.deepEqual(seen.sort(), ids.sort())

  const all = await conn.query(soql, { headers, autoFetch: true, maxFetch: 1000 })
  assert.equal(all.records.length, 450)
})

test('queries by time of creation, for many values and among deleted records find what is there', async () => {
  const since = (at) => `${at.toISOString().slice(0, 19)}Z`
  const [before, later] = [since(new Date(Date.now() - 3_600_000)), since(new Date(Date.now() + 3_600_000))]
  const many = Array.from({ length: 199 }, (_, i) => `'nobody${i}@example.com'`)
  for (const [where, matches] of [
    [`CreatedDate >= ${before} AND Email = 'ada.o\\'neil+1@example.com'`, 1],
    [`CreatedDate >= ${later} AND Email = 'ada.o\\'neil+1@example.com'`, 0],
    [`Email IN (${[...many, `'ada.o\\'neil+1@example.com'`].join(', ')}) AND CreatedDate >= ${before}`, 1],
    [`(Email = 'nobody@example.com' OR Id = '${leadID}') AND Email != null ORDER BY CreatedDate ASC`, 1],
  ]) {
    for (const scanAll of [false, true]) {
      const { records } = await conn.query(`SELECT Id FROM Lead WHERE ${where}`, { scanAll })
      assert.deepEqual(records.map((record) => record.Id), matches ? [leadID] : [], where)
    }
  }
})

test('an upsert by external id creates once and then updates', async (t) => {
  await control(salesforceURL, 'PUT', '/behaviour', { has_external_id: true })
  t.after(() => control(salesforceURL, 'PUT', '/behaviour', {}))
  const key = 'Outcome_Key__c'
  const tasks = conn.sobject('Task')
  const who = [`WhoId/${leadID}`]
  const made = await tasks.upsert({ [key]: '7f3c2a', Subject: 'Call back', WhoId: leadID }, key)
  assert.deepEqual([made.success, made.created], [true, true])
  ledger.wrote('create', 'Task', made.id, { [key]: '7f3c2a', Subject: 'Call back', WhoId: leadID }, who)
  const again = await tasks.upsert({ [key]: '7f3c2a', Subject: 'Call back today' }, key)
  assert.deepEqual([again.id, again.created], [made.id, false])
  ledger.wrote('update', 'Task', made.id, { Subject: 'Call back today' }, who)
  const read = await conn.query(`SELECT Id, Subject, WhoId FROM Task WHERE ${key} = '7f3c2a'`)
  assert.deepEqual(read.records.map(({ Id, Subject, WhoId }) => [Id, Subject, WhoId]), [[made.id, 'Call back today', leadID]])

  const many = await tasks.upsert([{ [key]: '7f3c2a', Priority: 'High' }, { [key]: '81aa', Subject: 'Another' }], key)
  assert.deepEqual(many.map((one) => [one.success, one.created]), [[true, false], [true, true]])
  ledger.wrote('update', 'Task', made.id, { Priority: 'High' }, who)
  ledger.wrote('create', 'Task', many[1].id, { [key]: '81aa', Subject: 'Another' })
  assert.equal((await tasks.retrieve(many[1].id))[key], '81aa')

  const twice = await rejection(tasks.create({ Subject: 'Copy', [key]: '81aa' }))
  assert.equal(twice.errorCode, 'DUPLICATE_VALUE')
  assert.ok(twice.message.includes(many[1].id.slice(0, 15)), twice.message)
})

test('an external id that several records share is jsforce\'s MULTIPLE_CHOICES', async (t) => {
  await control(salesforceURL, 'PUT', '/behaviour', { has_external_id: true, external_id_not_unique: true })
  t.after(() => control(salesforceURL, 'PUT', '/behaviour', {}))
  for (const LastName of ['One', 'Two']) {
    await control(salesforceURL, 'POST', '/seed', { object: 'Lead', fields: { LastName, Company: 'Example', Outcome_Key__c: 'shared' } })
  }
  const error = await rejection(conn.sobject('Lead').upsert({ Outcome_Key__c: 'shared', Title: 'x' }, 'Outcome_Key__c'))
  assert.equal(error.errorCode, 'MULTIPLE_CHOICES')
  assert.equal(error.data.length, 2)
})

test('describe tells what a create must have', async () => {
  const lead = await conn.describe('Lead')
  assert.deepEqual([lead.name, lead.keyPrefix, lead.createable, lead.queryable], ['Lead', '00Q', true, true])
  const must = lead.fields.filter((field) => field.createable && !field.nillable && !field.defaultedOnCreate && field.type !== 'boolean')
  assert.deepEqual(must.map((field) => field.name).sort(), ['Company', 'LastName'])
  const status = lead.fields.find((field) => field.name === 'Status')
  assert.equal(status.picklistValues.filter((value) => value.defaultValue).length, 1)
  const names = (await conn.describeGlobal()).sobjects.map((object) => object.name)
  for (const name of ['Lead', 'Contact', 'Task', 'Opportunity']) assert.ok(names.includes(name), name)
})

test('a composite writes, refers to what it wrote, and takes all back when it must', async () => {
  const url = (path) => `/services/data/v66.0${path}`
  const part = (method, referenceId, path, body) => ({ method, referenceId, url: url(path), body })
  const lead = { LastName: 'Composite', Company: 'Example' }
  const { compositeResponse: done } = await conn.requestPost('/composite', {
    allOrNone: true, compositeRequest: [
      part('POST', 'lead', '/sobjects/Lead', lead),
      part('POST', 'task', '/sobjects/Task', { Subject: 'Follow up', WhoId: '@{lead.id}' }),
      part('PATCH', 'title', '/sobjects/Lead/@{lead.id}', { Title: 'Buyer' }),
      part('GET', 'read', `/query?q=${encodeURIComponent('SELECT Id, Title FROM Lead WHERE LastName = \'Composite\'')}`),
    ],
  })
  assert.deepEqual(done.map((part) => [part.referenceId, part.httpStatusCode]), [['lead', 201], ['task', 201], ['title', 204], ['read', 200]])
  const [madeLead, madeTask] = [done[0].body.id, done[1].body.id]
  ledger.wrote('create', 'Lead', madeLead, lead)
  ledger.wrote('create', 'Task', madeTask, { Subject: 'Follow up', WhoId: madeLead }, [`WhoId/${madeLead}`])
  ledger.wrote('update', 'Lead', madeLead, { Title: 'Buyer' })
  assert.deepEqual(done[3].body.records.map(({ Id, Title }) => [Id, Title]), [[madeLead, 'Buyer']])
  assert.equal((await conn.sobject('Task').retrieve(madeTask)).WhoId, madeLead)

  const { compositeResponse: undone } = await conn.requestPost('/composite', {
    allOrNone: true, compositeRequest: [
      part('POST', 'good', '/sobjects/Task', { Subject: 'Never' }),
      part('POST', 'bad', '/sobjects/Lead', { LastName: 'No company' }),
    ],
  })
  assert.deepEqual(undone.map((part) => [part.httpStatusCode, part.body[0].errorCode]), [[400, 'PROCESSING_HALTED'], [400, 'REQUIRED_FIELD_MISSING']])
  assert.equal((await conn.query('SELECT Id FROM Task WHERE Subject = \'Never\'')).totalSize, 0)
})

test('collections create and update each record on its own, or all or none', async () => {
  const opportunity = org.opportunity_ids[0]
  const tasks = conn.sobject('Task')
  const first = { Subject: 'Weekly deal summary', Status: 'Completed', ActivityDate: '2026-11-23', WhatId: opportunity }
  const made = await tasks.create([first, { Subject: 'x'.repeat(256) }, { Subject: 'Third' }])
  assert.deepEqual(made.map((one) => one.success), [true, false, true])
  assert.equal(made[1].errors[0].statusCode, 'STRING_TOO_LONG')
  assert.deepEqual(made[1].errors[0].fields, ['Subject'])
  ledger.wrote('create', 'Task', made[0].id, first, [`WhatId/${opportunity}`])
  ledger.wrote('create', 'Task', made[2].id, { Subject: 'Third' })

  const changed = await tasks.update([{ Id: made[0].id, Priority: 'High' }, { Id: made[2].id, Subject: 'Third, changed' }])
  assert.deepEqual(changed.map((one) => [one.id, one.success]), [[made[0].id, true], [made[2].id, true]])
  ledger.wrote('update', 'Task', made[0].id, { Priority: 'High' }, [`WhatId/${opportunity}`])
  ledger.wrote('update', 'Task', made[2].id, { Subject: 'Third, changed' })
  const read = await conn.query(`SELECT Id, Subject, Priority, ActivityDate, IsClosed FROM Task WHERE Id IN ('${made[0].id}', '${made[2].id}') ORDER BY Subject`)
  assert.deepEqual(read.records.map((task) => [task.Subject, task.Priority, task.ActivityDate, task.IsClosed]),
    [['Third, changed', 'Normal', null, false], ['Weekly deal summary', 'High', '2026-11-23', true]])

  const none = await tasks.create([{ Subject: 'Never' }, { Subject: 'x'.repeat(256) }], { allOrNone: true })
  assert.deepEqual(none.map((one) => one.errors[0].statusCode), ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'STRING_TOO_LONG'])
})

test('limits are told, and by each answer too', async () => {
  const { DailyApiRequests } = await conn.limits()
  assert.ok(DailyApiRequests.Remaining < DailyApiRequests.Max)
  assert.equal(conn.limitInfo.apiUsage.limit, DailyApiRequests.Max)
  assert.equal(conn.limitInfo.apiUsage.used, DailyApiRequests.Max - DailyApiRequests.Remaining)
})

test('refusals are jsforce\'s own errors, with their code and fields', async () => {
  const leads = conn.sobject('Lead')
  const tasks = conn.sobject('Task')
  const stranger = new jsforce.Connection({ instanceUrl: salesforceURL, accessToken: 'not-a-token', version: '66.0' })
  const noLead = leadID.slice(0, 5) + '9999999999'
  for (const [name, call, code, fields] of [
    ['missing fields', () => leads.create({ FirstName: 'Ada' }), 'REQUIRED_FIELD_MISSING', ['LastName', 'Company']],
    ['a lead with a deal', () => tasks.create({ Subject: 'x', WhoId: leadID, WhatId: org.opportunity_ids[0] }), 'FIELD_INTEGRITY_EXCEPTION'],
    ['an invalid address', () => leads.update({ Id: leadID, Email: 'not an address' }), 'INVALID_EMAIL_ADDRESS', ['Email']],
    ['an unknown field', () => leads.create({ LastName: 'x', Company: 'x', Nope__c: 'x' }), 'INVALID_FIELD'],
    ['an unknown record', () => leads.retrieve(noLead), 'NOT_FOUND'],
    ['an unknown record to change', () => leads.update({ Id: noLead, Title: 'x' }), 'NOT_FOUND'],
    ['an unknown external id field', () => leads.upsert({ Nope__c: 'x', Title: 'x' }, 'Nope__c'), 'NOT_FOUND'],
    ['an unknown object', () => conn.query('SELECT Id FROM Nope'), 'INVALID_TYPE'],
    ['an unknown column', () => conn.query('SELECT Nope FROM Lead'), 'INVALID_FIELD'],
    ['no SOQL', () => conn.query('SELECT Id FROM Lead WHERE'), 'MALFORMED_QUERY'],
    ['a quote that ends the literal', () => conn.query('SELECT Id FROM Lead WHERE LastName = \'O\'Neil\''), 'MALFORMED_QUERY'],
    ['a stray backslash', () => conn.query('SELECT Id FROM Lead WHERE LastName = \'a\\qb\''), 'MALFORMED_QUERY'],
    ['an unknown session', () => stranger.query('SELECT Id FROM Lead'), 'INVALID_SESSION_ID'],
  ]) {
    const error = await rejection(call())
    assert.equal(error.errorCode, code, `${name}: ${error.message}`)
    if (fields) assert.deepEqual(error.data.fields, fields, name)
  }
})

test('a spent daily limit is REQUEST_LIMIT_EXCEEDED', async (t) => {
  await control(salesforceURL, 'PUT', '/behaviour', { daily_limit: 1 })
  t.after(() => control(salesforceURL, 'PUT', '/behaviour', {}))
  assert.equal((await rejection(conn.query('SELECT Id FROM Lead'))).errorCode, 'REQUEST_LIMIT_EXCEEDED')
})

test('a deleted task is gone, and only queryAll still sees it', async () => {
  const made = await conn.sobject('Task').create({ Subject: 'To be deleted' })
  ledger.wrote('create', 'Task', made.id, { Subject: 'To be deleted' })
  assert.equal((await conn.sobject('Task').destroy(made.id)).success, true)
  ledger.wrote('delete', 'Task', made.id)
  assert.equal((await rejection(conn.sobject('Task').retrieve(made.id))).errorCode, 'NOT_FOUND')
  const soql = `SELECT Id, IsDeleted FROM Task WHERE Id = '${made.id}'`
  assert.equal((await conn.query(soql)).totalSize, 0)
  assert.equal((await conn.query(soql, { scanAll: true })).records[0].IsDeleted, true)
})

test('logging out with revocation ends the grant', async () => {
  const own = await connect()
  const { refreshToken, oauth2 } = own
  await own.logout(true)
  assert.equal((await rejection(oauth2.refreshToken(refreshToken))).name, 'invalid_grant')
})

test('the operation log holds what these tests wrote, and nothing else', () => ledger.balance())
