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

	"github.com/bitmovin/bitmovin-export-access/local/ids"
)

// initTimeout is how long a new sandbox may take until it asks for work:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
const initTimeout = 10 * time.Second

// A process is a sandbox that runs a binary behind a Runtime API of its own.
type process struct {
	arn      string
	launched time.Time
	pid      int
	cancel   context.CancelFunc
	requests chan *request // to the handler of /next
	exited   chan struct{} // closed when the process is gone
	exit     error         // how it ended, once exited is closed
	logs     *transcript
	ids      *ids.Source

	mu        sync.Mutex
	init      time.Duration // from exec to the first /next
	current   *request
	initError string
}

// startProcess starts the binary. The caller holds f.mu.
func (f *Function) startProcess() (*process, error) {
	file, err := f.logs.openFile()
	if err != nil {
		return nil, fmt.Errorf("create the log file: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the runtime: %w", err)
	}
	ctx, cancel := context.WithCancel(f.ctx)
	s := &process{
		arn: f.cfg.FunctionARN, launched: time.Now(), cancel: cancel, logs: f.logs, ids: f.cfg.IDs,
		requests: make(chan *request), exited: make(chan struct{}),
	}
	cmd := f.command(ctx, l.Addr().String(), file)
	if err := cmd.Start(); err != nil {
		cancel()
		_ = l.Close()
		return nil, fmt.Errorf("start the function: %w", err)
	}
	s.pid = cmd.Process.Pid
	server := &http.Server{Handler: s.routes(), ReadHeaderTimeout: time.Minute}
	f.work.Go(func() { _ = server.Serve(l) })
	f.work.Go(func() {
		s.exit = cmd.Wait()
		close(s.exited)
		cancel()
		_ = server.Close()
	})
	return s, nil
}

// command returns the process of a sandbox, which leads a group of its own so
// that a kill leaves nothing behind.
func (f *Function) command(ctx context.Context, api string, log *os.File) *exec.Cmd {
	cmd := exec.CommandContext(ctx, f.cfg.Binary)
	cmd.Dir = filepath.Dir(f.cfg.Binary)
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + api}
	for name, value := range f.cfg.environment() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	// A file, not a pipe: what was printed before an answer is there after it.
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// serve hands the request to the process and waits for the answer, the deadline
// or the process' end. taken says whether the process ever got the request.
func (s *process) serve(r *request) (a Attempt, taken bool) {
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
	a.Init = s.initDuration()
	return a, true
}

// await waits until the request that the process has taken is answered.
func (s *process) await(r *request) Attempt {
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
		return r.timedOut()
	}
}

// crash says how the process ended without an answer.
func (s *process) crash(r *request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.initError != "" {
		return s.initError
	}
	reason := "exit status 0"
	if s.exit != nil {
		reason = s.exit.Error()
	}
	return r.exited(reason)
}

// kill implements [sandbox].
func (s *process) kill() { s.cancel() }

// gone implements [sandbox].
func (s *process) gone() <-chan struct{} { return s.exited }

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
