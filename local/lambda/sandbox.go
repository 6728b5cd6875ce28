package lambda

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// initTimeout is how long a new sandbox may take until it asks for work:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
const initTimeout = 10 * time.Second

// A sandbox is an execution environment: one process, which serves one request
// at a time, and the server of its Runtime API.
type sandbox struct {
	arn      string
	launched time.Time
	pid      int
	kill     context.CancelFunc
	requests chan *request // to the handler of /next
	exited   chan struct{} // closed when the process is gone
	exit     error         // how it ended, once exited is closed
	logs     *transcript

	outdated, killed bool // guarded by Function.mu

	mu        sync.Mutex
	init      time.Duration // from exec to the first /next
	current   *request
	initError string
}

// A request is an event on its way through one sandbox.
type request struct {
	id       string
	event    []byte
	timeout  time.Duration
	answered chan string // gets the error, or an empty string for a success
}

// launch starts a sandbox. The caller holds f.mu.
func (f *Function) launch() (*sandbox, error) {
	if f.logs.err != nil {
		return nil, fmt.Errorf("create the log file: %w", f.logs.err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime: %w", err)
	}
	ctx, kill := context.WithCancel(f.ctx)
	s := &sandbox{
		arn: f.cfg.FunctionARN, launched: time.Now(), kill: kill, logs: f.logs,
		requests: make(chan *request), exited: make(chan struct{}),
	}
	cmd := f.command(ctx, l.Addr().String())
	if err := cmd.Start(); err != nil {
		kill()
		_ = l.Close()
		return nil, fmt.Errorf("start the function: %w", err)
	}
	s.pid = cmd.Process.Pid
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: time.Minute}
	f.work.Go(func() { _ = server.Serve(l) })
	f.work.Go(func() {
		s.exit = cmd.Wait()
		close(s.exited)
		kill()
		_ = server.Close()
	})
	return s, nil
}

// command returns the process of a sandbox, which leads a group of its own so
// that a kill leaves nothing behind.
func (f *Function) command(ctx context.Context, api string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.cfg.Binary)
	cmd.Dir = filepath.Dir(f.cfg.Binary)
	cmd.Env = f.cfg.environment(api)
	// A file, not a pipe: what was printed before an answer is there after it.
	cmd.Stdout, cmd.Stderr = f.logs.file, f.logs.file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// environment is what Lambda sets, and then Env:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func (c Config) environment(api string) []string {
	name := c.FunctionARN[strings.LastIndex(c.FunctionARN, ":")+1:]
	env := map[string]string{
		"_HANDLER":                        "bootstrap",
		"AWS_LAMBDA_RUNTIME_API":          api,
		"AWS_LAMBDA_FUNCTION_NAME":        name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemorySize),
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      time.Now().UTC().Format("2006/01/02/[$LATEST]") + strings.ReplaceAll(NewUUID(), "-", ""),
		"LAMBDA_TASK_ROOT":                filepath.Dir(c.Binary),
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
		"TZ":                              ":UTC",
	}
	if part := strings.Split(c.FunctionARN, ":"); len(part) > 3 {
		env["AWS_REGION"], env["AWS_DEFAULT_REGION"] = part[3], part[3]
	}
	for k, v := range c.Env {
		env[k] = v
	}
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list
}

// serve hands the request to the process and waits for the answer, the deadline
// or the process' end. taken says whether the process ever got the request.
func (s *sandbox) serve(r *request) (a Attempt, taken bool) {
	starting := time.NewTimer(initTimeout)
	defer starting.Stop()
	select {
	case s.requests <- r:
	case <-s.exited:
		return Attempt{Err: s.crash(r)}, false
	case <-starting.C:
		return Attempt{Err: "Sandbox.Timedout: the init phase timed out", TimedOut: true}, false
	}
	begin := time.Now()
	a = s.await(r)
	a.Duration = time.Since(begin)
	a.PeakMemory = peakMemory(s.pid)
	return a, true
}

// await waits until the request that the process has taken is answered.
func (s *sandbox) await(r *request) Attempt {
	deadline := time.NewTimer(r.timeout)
	defer deadline.Stop()
	select {
	case err := <-r.answered:
		return Attempt{Err: err}
	case <-s.exited:
		select {
		case err := <-r.answered: // just before the end
			return Attempt{Err: err}
		default:
			return Attempt{Err: s.crash(r)}
		}
	case <-deadline.C:
		s.kill()
		<-s.exited
		return Attempt{Err: fmt.Sprintf("Sandbox.Timedout: RequestId: %s Error: Task timed out after %.2f seconds",
			r.id, r.timeout.Seconds()), TimedOut: true}
	}
}

// crash says how the process ended without an answer.
func (s *sandbox) crash(r *request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.initError != "" {
		return s.initError
	}
	reason := "exit status 0"
	if s.exit != nil {
		reason = s.exit.Error()
	}
	return fmt.Sprintf("Runtime.ExitError: RequestId: %s Error: Runtime exited with error: %s", r.id, reason)
}

func (s *sandbox) ended() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// peakMemory reads the highest resident set size of a process that still runs.
// (That of wait4 counts this process' own size before the exec, too.)
func peakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(string(rest)), " ")
	n, err := strconv.ParseInt(kilobytes, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
