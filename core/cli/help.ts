// What `millrace --help` prints. command-line.ts prints it.

export const HELP = `Millrace receives OpenTelemetry data, processes it and hands it on, as one YAML file says.

Examples
  millrace run --config pipeline.yaml             run the pipelines; Ctrl-C stops once everything is handed on
  millrace validate --config pipeline.yaml        check the file and draw its pipelines; nothing is started
  millrace run -c base.yaml -c production.yaml    where both files say something, the later one wins
  millrace components                             what the file can name
  millrace queue stat -c pipeline.yaml            what waits on disk
  millrace deadletter list -c pipeline.yaml       what a destination refused for good, and why

A file to begin with (then: curl http://127.0.0.1:4318/v1/traces, or any OpenTelemetry SDK)
  receivers:  { otlp: { protocols: { http: } } }
  exporters:  { debug: }
  service:
    pipelines:
      traces: { receivers: [otlp], exporters: [debug] }

Commands
  run           runs until SIGTERM or Ctrl-C, then hands on what was accepted, for at most service.drain_timeout;
                a second Ctrl-C ends it at once
  validate      prints every mistake with its file, line and column
  components    lists types, signals and stability
  quickstart    runs a pipeline that shows what arrives, with one line to paste to see it
  deadletter    list, show, replay or drop what a destination refused for good
  queue stat    what waits in the queues on disk, and since when
                both look at the disk, while the pipelines run and while they do not; docs/queues.md
  sampling try  what the policies of tail_sampling would have done with recorded traces: sampling try POLICIES TRACES…
  pii test      what pii or redaction would do with a text or with recorded spans, and why: pii test "a text"
  archive       ls, get TRACE_ID, verify, replay or erase what s3_archive has written; docs/archive.md
  audit verify  whether an audit log was edited, reordered or cut, and where: audit verify FILE…

Options
  -c, --config FILE    the configuration; give it again to lay more files over it
  --storage ID         deadletter, queue: the storage extension, where the file has several
  --exporter ID        deadletter: only what was for this exporter; archive: the archive, where the file has several
  --to ID              deadletter replay: through this exporter instead; archive replay: where to
  --tenant NAME        archive: only what is of this tenant
  --day 2026-01-31     archive: only what began on this day, in UTC
  --all                deadletter replay and drop: every letter, instead of ids
  --file FILE          pii test: recorded spans, data points or log records, a line of OTLP/JSON each
  --key-file FILE      audit verify: the key that the lines are sealed with
  --json               deadletter list and show, queue stat, sampling try, pii test, audit verify, archive ls and verify: a line of
                       JSON each
  -h, --help           this page
  -v, --version        the version

Exit codes
  0    done          1    failed while running, e.g. a port is in use
  2    wrong usage   3    the configuration is not valid          130    ended at once by a second Ctrl-C
`
