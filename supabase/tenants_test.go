package supabase_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// TENANT_REQUESTS makes it as many requests as one likes; 10,000 is the bar.
const usualRequests = 600

// Broken by: the log is listed without the filter for its workspace.
func TestNoRowCrossesBetweenWorkspacesThatShareTwoConnections(t *testing.T) {
	t.Parallel()
	const workspaces = 20
	requests := usualRequests
	if n, err := strconv.Atoi(os.Getenv("TENANT_REQUESTS")); err == nil {
		requests = n
	}
	s := start(t, options{env: []string{"DB_MAX_CONNS=2", "RIVER_POLL_ONLY=true", "LOG_LEVEL=info", "RATE_LIMIT_PERSON=0", "RATE_LIMIT_WORKSPACE=0"}})
	type tenant struct {
		workspace uuid.UUID
		token     []string
	}
	var tenants []tenant
	for i := range workspaces {
		user := uuid.NewString()
		one := tenant{workspace: uuid.New(), token: bearer(hs256(t, user))}
		s.member(user, one.workspace)
		s.connectAs(one.workspace, "hubspot", "apikey", secretKey)
		if r := s.asService("POST", "/sync/hubspot", outcome(one.workspace, fmt.Sprint("first-", i))); r.status != 202 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		tenants = append(tenants, one)
	}
	var crossed, refused, answered atomic.Int64
	next := make(chan int)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range next {
				me, other := tenants[i%workspaces], tenants[(i+1+i/workspaces%(workspaces-1))%workspaces]
				var r reply
				switch i % 5 {
				case 0:
					r = s.asService("POST", "/sync/hubspot", outcome(me.workspace, fmt.Sprint("e", i)))
				case 1:
					r = s.send("GET", "/connections?workspace_id="+me.workspace.String(), "", me.token...)
				case 2, 3:
					r = s.send("GET", "/writes?limit=20&workspace_id="+me.workspace.String(), "", me.token...)
				case 4:
					if r = s.send("GET", "/writes?workspace_id="+other.workspace.String(), "", me.token...); r.status == 403 {
						refused.Add(1)
					} else {
						crossed.Add(1)
					}
					continue
				}
				if r.status != 200 && r.status != 202 {
					t.Errorf("request %d: %d %s", i, r.status, r.body)
				}
				if !onlyOf(me.workspace, []byte(r.body)) {
					crossed.Add(1)
					t.Errorf("request %d of %s: %s", i, me.workspace, r.body)
				}
				answered.Add(1)
			}
		})
	}
	for i := range requests {
		next <- i
	}
	close(next)
	wg.Wait()
	if crossed.Load() != 0 || refused.Load() != int64(requests/5) || answered.Load() != int64(requests-requests/5) {
		t.Errorf("of %d requests %d were answered, %d refused and %d crossed", requests, answered.Load(), refused.Load(), crossed.Load())
	}
	if n := s.count(`select count(*) from crm_write_log w join crm_connections c on c.id = w.connection_id where c.workspace_id <> w.workspace_id`); n != 0 {
		t.Errorf("%d writes go through another workspace's connection", n)
	}
	t.Logf("%d requests of %d workspaces over a pool of 2: %d answered, %d foreign ones refused, %d rows crossed", requests, workspaces, answered.Load(), refused.Load(), crossed.Load())
}

// onlyOf says whether an answer has rows, and every row is of the workspace.
func onlyOf(workspace uuid.UUID, body []byte) bool {
	var answer struct {
		Writes, Connections []struct {
			Workspace uuid.UUID `json:"workspace_id"`
		}
	}
	if json.Unmarshal(body, &answer) != nil {
		return false
	}
	rows := append(answer.Writes, answer.Connections...)
	for _, row := range rows {
		if row.Workspace != workspace {
			return false
		}
	}
	return len(rows) > 0
}
