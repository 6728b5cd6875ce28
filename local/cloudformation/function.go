package cloudformation

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// A deployed function stays known when it is deleted: what it printed is still
// to be read.
type deployed struct {
	function *lambda.Function
	config   lambda.Config
	invoke   invokeConfig
	gone     bool
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html
type invokeConfig struct {
	MaximumRetryAttempts     string `yaml:"MaximumRetryAttempts"`
	MaximumEventAgeInSeconds string `yaml:"MaximumEventAgeInSeconds"`
}

// functionProperties are those of both types; what runs here is Options.Binary,
// whatever the code is.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
type functionProperties struct {
	FunctionName  string `yaml:"FunctionName"`
	Description   any    `yaml:"Description"`
	Code          any    `yaml:"Code"`
	CodeURI       any    `yaml:"CodeUri"`
	Handler       any    `yaml:"Handler"`
	Runtime       any    `yaml:"Runtime"`
	Architectures any    `yaml:"Architectures"`
	Tags          any    `yaml:"Tags"`
	MemorySize    string `yaml:"MemorySize"`
	Timeout       string `yaml:"Timeout"`
	Role          string `yaml:"Role"`
	Environment   struct {
		Variables map[string]string `yaml:"Variables"`
	} `yaml:"Environment"`
	LoggingConfig struct {
		LogFormat           string `yaml:"LogFormat"`
		LogGroup            string `yaml:"LogGroup"`
		ApplicationLogLevel string `yaml:"ApplicationLogLevel"`
	} `yaml:"LoggingConfig"`
}

func function(t task) (outcome, error) {
	var p functionProperties
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	name := t.name(p.FunctionName, 64)
	arn := t.arn("lambda", "function:"+name)
	if err := t.assumable(p.Role); err != nil {
		return outcome{}, err
	}
	config, err := t.config(p, arn)
	if err != nil {
		return outcome{}, err
	}
	e := t.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.functions[arn]
	if d == nil {
		d = &deployed{function: lambda.New(config)}
		e.functions[arn] = d
	}
	d.config, d.gone = config, false
	return outcome{name, map[string]string{"Arn": arn}}, d.configure(e.options.RetryDelays)
}

// assumable refuses a role that Lambda could not assume.
func (t task) assumable(arn string) error {
	known := false
	t.engine.options.Cloud.View(func(s *aws.State) {
		for _, r := range s.Roles {
			known = known || r.ARN() == arn && strings.Contains(r.Trust, "lambda.amazonaws.com")
		}
	})
	if !known {
		return errors.New("the role defined for the function cannot be assumed by Lambda")
	}
	return nil
}

func (t task) config(p functionProperties, arn string) (lambda.Config, error) {
	o := t.engine.options
	seconds, err := strconv.Atoi(cmp.Or(p.Timeout, "3"))
	if err != nil {
		return lambda.Config{}, fmt.Errorf("timeout: %w", err)
	}
	memory, err := strconv.Atoi(cmp.Or(p.MemorySize, "128"))
	if err != nil {
		return lambda.Config{}, fmt.Errorf("memory size: %w", err)
	}
	c := o.Cloud.Credentials(p.Role)
	env := map[string]string{
		"AWS_ACCESS_KEY_ID": c.AccessKeyID, "AWS_SECRET_ACCESS_KEY": c.SecretAccessKey,
		"AWS_SESSION_TOKEN": c.SessionToken, "AWS_ENDPOINT_URL": o.Cloud.URL(),
		"AWS_LAMBDA_LOG_FORMAT": cmp.Or(p.LoggingConfig.LogFormat, "Text"),
	}
	if p.LoggingConfig.LogGroup != "" {
		env["AWS_LAMBDA_LOG_GROUP_NAME"] = p.LoggingConfig.LogGroup
	}
	if p.LoggingConfig.ApplicationLogLevel != "" {
		env["AWS_LAMBDA_LOG_LEVEL"] = p.LoggingConfig.ApplicationLogLevel
	}
	maps.Copy(env, p.Environment.Variables)
	maps.Copy(env, o.FunctionEnv)
	return lambda.Config{
		Binary: o.Binary, Program: o.Program, Network: o.Memory, IDs: t.engine.ids, Env: env, FunctionARN: arn, MemorySize: memory, Log: o.Log,
		Timeout: cmp.Or(o.Timeout, time.Duration(seconds)*time.Second),
	}, nil
}

// configure hands the configuration over, with the delays, by default Lambda's, of
// which there are no more than retries.
func (d *deployed) configure(delays []time.Duration) error {
	if delays == nil {
		delays = lambda.RetryDelays()
	}
	c := d.config
	retries, err := strconv.Atoi(cmp.Or(d.invoke.MaximumRetryAttempts, "2"))
	if err != nil {
		return fmt.Errorf("maximum retry attempts: %w", err)
	}
	age, err := strconv.Atoi(cmp.Or(d.invoke.MaximumEventAgeInSeconds, "21600"))
	if err != nil {
		return fmt.Errorf("maximum event age: %w", err)
	}
	c.MaxEventAge = time.Duration(age) * time.Second
	c.RetryDelays = slices.Clone(delays[:min(retries, len(delays))])
	d.function.Configure(c)
	return nil
}

func removeFunction(t task) error {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	if d := t.engine.functions[t.arn("lambda", "function:"+t.physicalID)]; d != nil {
		d.gone = true
	}
	return nil
}

func eventInvokeConfig(t task) (outcome, error) {
	var p struct {
		FunctionName      string `yaml:"FunctionName"`
		Qualifier         string `yaml:"Qualifier"`
		DestinationConfig any    `yaml:"DestinationConfig"`
		invokeConfig      `yaml:",inline"`
	}
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	d := t.engine.functions[t.arn("lambda", "function:"+p.FunctionName)]
	if d == nil || d.gone {
		return outcome{}, fmt.Errorf("function not found: %s", p.FunctionName)
	}
	d.invoke = p.invokeConfig
	return outcome{physicalID: p.FunctionName + "|" + p.Qualifier}, d.configure(t.engine.options.RetryDelays)
}

// removeEventInvokeConfig leaves the function with Lambda's defaults.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionEventInvokeConfig.html
func removeEventInvokeConfig(t task) error {
	t.engine.mu.Lock()
	defer t.engine.mu.Unlock()
	name, _, _ := strings.Cut(t.physicalID, "|")
	d := t.engine.functions[t.arn("lambda", "function:"+name)]
	if d == nil || d.gone {
		return nil
	}
	d.invoke = invokeConfig{}
	return d.configure(t.engine.options.RetryDelays)
}
