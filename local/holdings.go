package main

import (
	"encoding/json"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// snapshot returns all that the cloud holds, as JSON.
func (d *desk) snapshot() (text string, err error) {
	d.cloud.View(func(s *aws.State) {
		var b []byte
		b, err = json.Marshal(s)
		text = string(b)
	})
	return text, err
}

// A holding is what an account holds of one kind.
type holding struct {
	kind  string
	names []string
}

// holdings returns all that the stack and its function may make in the cloud.
func (d *desk) holdings() []holding {
	var roles, verifiers, policies, groups, versions, uploads []string
	d.cloud.View(func(s *aws.State) {
		for key, role := range s.Roles {
			roles = append(roles, key)
			verifiers = append(verifiers, verifierStatements(role)...)
		}
		for arn := range s.Policies {
			if !strings.HasPrefix(arn, "arn:aws:iam::aws:") {
				policies = append(policies, arn)
			}
		}
		for name := range s.LogGroups {
			groups = append(groups, name)
		}
		for _, b := range s.Buckets {
			for _, v := range b.Versions {
				versions = append(versions, b.Name+"/"+v.Key)
			}
			for _, u := range b.Uploads {
				uploads = append(uploads, b.Name+"/"+u.Key)
			}
		}
	})
	return []holding{
		{"IAM roles", roles},
		{"verifier statements in their trust policies", verifiers},
		{"managed policies", policies},
		{"log groups", groups},
		{"objects and delete markers in the bucket", versions},
		{"multipart uploads to the bucket", uploads},
	}
}

// verifierStatements returns the Sids of the statements by which a check was
// allowed to assume the role.
func verifierStatements(r *aws.Role) (sids []string) {
	var trust struct{ Statement []struct{ Sid string } }
	if json.Unmarshal([]byte(r.Trust), &trust) != nil {
		return []string{r.Name + ": " + r.Trust}
	}
	for _, statement := range trust.Statement {
		if strings.HasPrefix(statement.Sid, "Verifier") {
			sids = append(sids, r.Name+": "+statement.Sid)
		}
	}
	return sids
}
