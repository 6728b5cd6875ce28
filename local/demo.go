package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/console"
)

const (
	account    = "111122223333"
	region     = "eu-west-1"
	stackName  = "exports"
	bucketName = "my-analytics-exports"
	// rolePrefix is given only so that the role's ARN fits into a line.
	rolePrefix = "bitmovin-"
	// keySecret is the ARN of the secret with the key of Bitmovin's API.
	keySecret = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:bitmovin-AbCdEf"
	// propagation is how long a change in IAM takes to be effective everywhere.
	propagation = 2 * time.Second
)

// A story shows the life of a stack as a console would.
type story struct {
	*desk
	*console.Console
	// registers: the stack has the output registered, too.
	registers bool
}

// demo tells the story on an AWS with these options. It fails if anything is not
// as it should be.
func demo(ctx context.Context, p parts, o aws.Options, registers bool, c *console.Console) error {
	s := newStory(p, o, c)
	defer s.close()
	s.registers = registers
	s.addSecret(keySecret)
	return s.tell(ctx)
}

func newStory(p parts, o aws.Options, c *console.Console) *story {
	s := &story{Console: c}
	s.desk = newDesk(p, o, account, region, randomIDs, s.showEvent)
	s.addBucket(bucketName, "")
	return s
}

func (s *story) tell(ctx context.Context) error {
	start := s.snapshot()
	s.Act("1. Create", "The template is deployed for the bucket "+bucketName+". "+
		"The stack completes only once the new role has really written to it.")
	stack, err := s.deploy(ctx, "")
	if err != nil {
		return err
	}
	if err := s.showChecks(stack.Outputs["Checks"]); err != nil {
		return err
	}
	if s.registers {
		s.showOutputs(stack, "AccessVerified", "BucketRegion", "ExternalId", "RoleArn", "OutputId")
		s.api.View(func(state *bitmovin.State) { showRegistered(s.Console, state) })
	} else {
		s.showOutputs(stack, "AccessVerified", "BucketRegion", "ExternalId", "RoleArn", "OutputRequest")
	}

	s.Act("2. Break", "Someone freezes the bucket. An update of the stack, so that Bitmovin writes only below exports/, "+
		"is refused and rolled back.")
	s.freeze(json.RawMessage("{}"))
	before := s.snapshot()
	fix, err := s.deployInVain(ctx, "exports/")
	if err != nil {
		return err
	}
	if after := s.snapshot(); after != before {
		return fmt.Errorf("the rollback did not restore what was before:\n%s\n%s", before, after)
	}

	s.Act("3. Repair", "The role is what it was. The condition in the reason is pasted into the bucket's policy, "+
		"and the same update passes.")
	s.freeze(fix)
	if stack, err = s.deploy(ctx, "exports/"); err != nil {
		return err
	}
	s.showOutputs(stack, "AccessVerified")

	s.Act("4. Delete", "The stack takes with it all that it and its function made.")
	return s.deleteAll(ctx, start)
}

// deploy deploys the template for the bucket and a prefix in it.
func (s *story) deploy(ctx context.Context, prefix string) (*cloudformation.Stack, error) {
	p := map[string]string{"BucketName": bucketName, "ObjectPrefix": prefix}
	if s.registers {
		p["BitmovinApiKeySecretArn"], p["BitmovinApiKeySecretField"] = keySecret, "current"
	} else {
		p["RoleNamePrefix"] = rolePrefix
	}
	return s.stacks.Deploy(ctx, stackName, s.template, p)
}

// deployInVain is deploy when it must end in a rollback, and returns the JSON to
// paste that the reason tells.
func (s *story) deployInVain(ctx context.Context, prefix string) (json.RawMessage, error) {
	stack, err := s.deploy(ctx, prefix)
	if stack == nil {
		return nil, err
	}
	if stack.Status != "UPDATE_ROLLBACK_COMPLETE" {
		return nil, fmt.Errorf("the update should have been rolled back, and the stack is %s", stack.Status)
	}
	for _, e := range stack.Events {
		if _, fix, _ := console.CutObject(e.Reason); fix != nil {
			return fix, nil
		}
	}
	return nil, fmt.Errorf("no reason tells what to paste: %w", err)
}

// freeze lets the bucket's policy deny all writes on a condition.
func (s *story) freeze(condition json.RawMessage) {
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Freeze","Effect":"Deny","Principal":"*",
		"Action":"s3:PutObject","Resource":"arn:aws:s3:::%s/*","Condition":%s}]}`, bucketName, condition)
	s.setBucketPolicy(policy)
	s.Text(0, "The bucket's policy is now: "+policy)
}

func (s *story) setBucketPolicy(policy string) {
	s.cloud.Edit(func(state *aws.State) { state.Buckets[bucketName].Policy = policy })
}

// deleteAll deletes the stack, and checks that the cloud is what it was at the
// start, but for the policy that someone gave to the bucket.
func (s *story) deleteAll(ctx context.Context, start string) error {
	before := s.inventory(bucketName)
	if _, err := s.stacks.Delete(ctx, stackName); err != nil {
		return err
	}
	s.showInventory(before, s.inventory(bucketName))
	s.setBucketPolicy("")
	if end := s.snapshot(); end != start {
		return fmt.Errorf("the stack left the account other than it was:\n%s\n%s", start, end)
	}
	if err := s.unknown(); err != nil {
		return err
	}
	s.Heading("Nothing is left: the account is, byte for byte, what it was before.")
	return nil
}
