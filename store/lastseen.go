package store

import (
	"sync"

	"github.com/google/uuid"
)

// lastSeenMost bounds the workspaces whose connections are remembered: some two hundred bytes each.
const lastSeenMost = 20000

// lastSeen remembers the live connections of workspaces as they were last seen, so that accepting need not ask for them first. It may be
// wrong at any time: who uses it has the database compare, under lock, before anything is stored.
type lastSeen struct {
	mu          sync.Mutex
	byWorkspace map[uuid.UUID][]lockedConnection
}

// of gives the connections of workspaces, in order of their ids; ok says that something is known of each.
func (k *lastSeen) of(workspaces []uuid.UUID) (conns []lockedConnection, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range workspaces {
		mine := k.byWorkspace[id]
		if len(mine) == 0 {
			return nil, false
		}
		conns = append(conns, mine...)
	}
	return conns, true
}

// learn remembers what a read of workspaces gave. A workspace without a connection is not remembered: it is asked for anew each time.
func (k *lastSeen) learn(workspaces []uuid.UUID, conns []lockedConnection) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byWorkspace == nil {
		k.byWorkspace = map[uuid.UUID][]lockedConnection{}
	}
	for _, id := range workspaces {
		delete(k.byWorkspace, id)
	}
	for _, c := range conns {
		k.byWorkspace[c.WorkspaceID] = append(k.byWorkspace[c.WorkspaceID], c)
	}
	for id := range k.byWorkspace {
		if len(k.byWorkspace) <= lastSeenMost {
			break
		}
		delete(k.byWorkspace, id)
	}
}
