package main

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"time"

	_ "github.com/mattn/go-sqlite3"

	gitpodv1 "peers/gen/gitpod/v1"
)

// mostRows of one commit: as many as may wait.
const mostRows = 1024

type row struct {
	id, name, token string
	provider        int32
	done            chan error
}

// rows writes what waits together in one transaction, and answers when it is on disk.
type rows struct {
	waiting chan *row
	db      *sql.DB
}

func openRows(file string) (*rows, error) {
	db, err := sql.Open("sqlite3", "file:"+file+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE runners (id TEXT PRIMARY KEY, name TEXT, provider INTEGER, created_at INTEGER, token TEXT)")
	if err != nil {
		return nil, err
	}
	insert, err := db.Prepare("INSERT INTO runners VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return nil, err
	}
	r := &rows{waiting: make(chan *row, mostRows), db: db}
	go r.write(insert)
	return r, nil
}

func (r *rows) write(insert *sql.Stmt) {
	for first := range r.waiting {
		batch := []*row{first}
		for len(batch) < mostRows && len(r.waiting) > 0 {
			batch = append(batch, <-r.waiting)
		}
		err := r.commit(insert, batch)
		for _, one := range batch {
			one.done <- err
		}
	}
}

func (r *rows) commit(insert *sql.Stmt, batch []*row) error {
	transaction, err := r.db.Begin()
	if err != nil {
		return err
	}
	statement := transaction.Stmt(insert)
	now := time.Now().UnixMilli()
	for _, one := range batch {
		if _, err := statement.Exec(one.id, one.name, one.provider, now, one.token); err != nil {
			_ = transaction.Rollback()
			return err
		}
	}
	return transaction.Commit()
}

func (r *rows) create(request *gitpodv1.CreateRunnerRequest) (*gitpodv1.CreateRunnerResponse, error) {
	one := &row{randomID(), request.GetName(), randomID(), int32(request.GetProvider()), make(chan error, 1)}
	r.waiting <- one
	if err := <-one.done; err != nil {
		return nil, err
	}
	return &gitpodv1.CreateRunnerResponse{
		Runner:        &gitpodv1.Runner{RunnerId: one.id, Name: one.name, Provider: request.GetProvider()},
		ExchangeToken: one.token,
	}, nil
}

func randomID() string {
	var bytes [16]byte
	_, _ = rand.Read(bytes[:])
	return hex.EncodeToString(bytes[:])
}
