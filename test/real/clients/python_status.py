# A real client that looks at every answer: grpcio's and the standard library's view of what an OTLP receiver says, decoded by Google's own classes.
# usage: python python_status.py GRPC HTTP PRIVATE_GRPC PRIVATE_HTTP SLOW_GRPC SLOW_HTTP; prints a JSON object of probes

import gzip
import json
import sys
import urllib.error
import urllib.request

import grpc
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

GRPC, HTTP, PRIVATE_GRPC, PRIVATE_HTTP, SLOW_GRPC, SLOW_HTTP = (f"127.0.0.1:{port}" for port in sys.argv[1:])
SERVICE = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"


def spans(trace_id=b"t" * 16):
    found = Span(trace_id=trace_id, span_id=b"s" * 8, name="probe")
    fine = Span(trace_id=b"t" * 16, span_id=b"f" * 8, name="fine")
    resources = [ResourceSpans(scope_spans=[ScopeSpans(spans=[found, fine])])]
    return trace_service_pb2.ExportTraceServiceRequest(resource_spans=resources).SerializeToString()


def logs(body="fine"):
    records = [LogRecord(body=AnyValue(string_value=body))]
    resources = [ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    return logs_service_pb2.ExportLogsServiceRequest(resource_logs=resources).SerializeToString()


def metrics():
    metric = Metric(name="probe", gauge=Gauge(data_points=[NumberDataPoint(as_int=1)]))
    resources = [ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=[metric])])]
    return metrics_service_pb2.ExportMetricsServiceRequest(resource_metrics=resources).SerializeToString()


BROKEN = b"\x0a\xff\xff\x03"
RESPONSES = {
    "trace": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}


def partial(answer):
    """None where the field is unset, as full success leaves it."""
    if not answer.HasField("partial_success"):
        return None
    success = answer.partial_success
    rejected = next(field.name for field in success.DESCRIPTOR.fields if field.name.startswith("rejected"))
    return {"rejected": getattr(success, rejected), "message": success.error_message}


def retry_ms(status):
    info = error_details_pb2.RetryInfo()
    delays = [info.retry_delay.ToMilliseconds() for detail in status.details if detail.Unpack(info)]
    return delays[0] if delays else None


def over_grpc(target, kind, message, timeout=5, method=None, credentials=None, compression=None):
    path = method or SERVICE.format(kind, {"trace": "Trace", "metrics": "Metrics", "logs": "Logs"}[kind])
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target, options=options, compression=compression) as channel:
        try:
            answer = channel.unary_unary(path)(message, timeout=timeout, metadata=credentials)
            return {"code": "OK", "partial": partial(RESPONSES[kind].FromString(answer))}
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
            status = status_pb2.Status.FromString(details) if details else status_pb2.Status()
            return {"code": error.code().name, "message": error.details(), "retryMs": retry_ms(status)}


def over_http(target, path, body, kind="trace", method="POST", **headers):
    given = {"Content-Type": "application/x-protobuf", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(f"http://{target}{path}", data=body, method=method, headers=given)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {"code": answer.status, "type": answer.headers["Content-Type"], "partial": partial(RESPONSES[kind].FromString(answer.read()))}
    except urllib.error.HTTPError as error:
        content = error.headers["Content-Type"]
        body = error.read()
        message = status_pb2.Status.FromString(body).message if content == "application/x-protobuf" else body.decode()
        return {"code": error.code, "type": content, "message": message, "retryAfter": error.headers["Retry-After"]}
    except OSError as error:
        return {"code": 0, "message": str(error)}


BASIC = "Basic ZWRnZTpzZWNyZXQ="
print(
    json.dumps(
        {
            "grpc": {
                "taken": over_grpc(GRPC, "logs", logs()),
                "taken, gzip": over_grpc(GRPC, "logs", logs(), compression=grpc.Compression.Gzip),
                "taken, empty": over_grpc(GRPC, "logs", b""),
                "in part": over_grpc(PRIVATE_GRPC, "trace", spans(b"short"), credentials=[("authorization", BASIC)]),
                "destination away": over_grpc(GRPC, "trace", spans()),
                "too large": over_grpc(GRPC, "logs", logs("x" * (2 << 20))),
                "too large, inflated": over_grpc(GRPC, "logs", logs("x" * (2 << 20)), compression=grpc.Compression.Gzip),
                "broken": over_grpc(GRPC, "trace", BROKEN),
                "no pipeline": over_grpc(GRPC, "metrics", metrics()),
                "no method": over_grpc(GRPC, "trace", b"", method="/opentelemetry.proto.collector.trace.v1.TraceService/Import"),
                "nobody": over_grpc(PRIVATE_GRPC, "trace", spans()),
                "too slow": over_grpc(SLOW_GRPC, "trace", spans(), timeout=0.5),
                "slow, and asked again": over_grpc(SLOW_GRPC, "trace", spans()),
            },
            "http": {
                "taken": over_http(HTTP, "/v1/logs", logs(), "logs"),
                "taken, empty": over_http(HTTP, "/v1/logs", b"", "logs"),
                "in part": over_http(PRIVATE_HTTP, "/v1/traces", spans(b"short"), Authorization=BASIC),
                "destination away": over_http(HTTP, "/v1/traces", spans()),
                # Small on the way: a client that is still writing a large one may miss the answer.
                "too large, inflated": over_http(HTTP, "/v1/logs", gzip.compress(logs("x" * (2 << 20))), "logs", Content_Encoding="gzip"),
                "broken": over_http(HTTP, "/v1/traces", BROKEN),
                "broken JSON": over_http(HTTP, "/v1/traces", b"{", Content_Type="application/json"),
                "no pipeline": over_http(HTTP, "/v1/metrics", metrics(), "metrics"),
                "no path": over_http(HTTP, "/v1/nothing", b""),
                "no such method": over_http(HTTP, "/v1/traces", None, method="GET"),
                "no such type": over_http(HTTP, "/v1/traces", b"x", Content_Type="text/plain"),
                "no such encoding": over_http(HTTP, "/v1/traces", b"x", Content_Encoding="br"),
                "nobody": over_http(PRIVATE_HTTP, "/v1/traces", spans()),
                "slow": over_http(SLOW_HTTP, "/v1/traces", spans()),
            },
        }
    )
)
