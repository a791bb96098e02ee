// Says of each case what golang.org/x/mod/sumdb says: note.Open, tlog.CheckRecord, tlog.CheckTree. Not TileHashReader, which
// accepts a damaged tile before 0.40.0. stdin: a JSON list of cases; stdout: a list of texts, "ok" or why not. Bytes are base64.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type asked struct {
	Tool, Note, Vkey, Root, Leaf string
	Old_root, New_root           string
	Index, Size, Old, New        int64
	Hashes                       []string
}

func hash(text string) (found tlog.Hash, err error) {
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err == nil && len(data) != len(found) {
		err = fmt.Errorf("a hash of %d bytes", len(data))
	}
	copy(found[:], data)
	return found, err
}

func hashes(texts []string) (found []tlog.Hash, err error) {
	for _, text := range texts {
		one, err := hash(text)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func open(one asked) error {
	verifier, err := note.NewVerifier(one.Vkey)
	if err != nil {
		return err
	}
	_, err = note.Open([]byte(one.Note), note.VerifierList(verifier))
	return err
}

func inclusion(one asked) error {
	leaf, err := base64.StdEncoding.Strict().DecodeString(one.Leaf)
	if err != nil {
		return err
	}
	proof, err := hashes(one.Hashes)
	if err != nil {
		return err
	}
	root, err := hash(one.Root)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(tlog.RecordProof(proof), one.Size, root, one.Index, tlog.RecordHash(leaf))
}

func consistency(one asked) error {
	proof, err := hashes(one.Hashes)
	if err != nil {
		return err
	}
	before, err := hash(one.Old_root)
	if err != nil {
		return err
	}
	after, err := hash(one.New_root)
	if err != nil {
		return err
	}
	return tlog.CheckTree(tlog.TreeProof(proof), one.New, after, one.Old, before)
}

func main() {
	tools := map[string]func(asked) error{"note": open, "inclusion": inclusion, "consistency": consistency}
	var cases []asked
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	said := []string{}
	for _, one := range cases {
		if err := tools[one.Tool](one); err != nil {
			said = append(said, err.Error())
		} else {
			said = append(said, "ok")
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		panic(err)
	}
}
