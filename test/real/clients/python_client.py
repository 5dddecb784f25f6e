# A real client: the OpenTelemetry SDK for Python sends a small trace over OTLP/HTTP and prints, as OTLP JSON, the spans as the SDK holds them.
# usage: python python_client.py ENDPOINT none|gzip

import json
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

ENDPOINT, COMPRESSION = sys.argv[1:3]
RESULTS = []


class Watched(OTLPSpanExporter):
    """Remembers what each export came to: the SDK only logs a failure."""

    def export(self, spans):
        result = super().export(spans)
        RESULTS.append(result)
        return result


def value(item):
    if isinstance(item, bool):
        return {"boolValue": item}
    if isinstance(item, int):
        return {"intValue": str(item)}
    if isinstance(item, float):
        return {"doubleValue": item}
    if isinstance(item, str):
        return {"stringValue": item}
    return {"arrayValue": {"values": [value(entry) for entry in item]}}


def attributes(mapping):
    return [{"key": key, "value": value(item)} for key, item in (mapping or {}).items()]


def as_json(span):
    context, parent = span.get_span_context(), span.parent
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "parentSpanId": f"{parent.span_id:016x}" if parent else "",
        "name": span.name,
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "status": {"code": span.status.status_code.value, "message": span.status.description or ""},
        "attributes": attributes(span.attributes),
        "events": [
            {"name": event.name, "timeUnixNano": str(event.timestamp), "attributes": attributes(event.attributes)}
            for event in span.events
        ],
        "links": [
            {
                "traceId": f"{link.context.trace_id:032x}",
                "spanId": f"{link.context.span_id:016x}",
                "attributes": attributes(link.attributes),
            }
            for link in span.links
        ],
    }


memory = InMemorySpanExporter()
resource = Resource.create({"service.name": "python-shop", "service.version": "1.2.3"})
provider = TracerProvider(resource=resource)
provider.add_span_processor(SimpleSpanProcessor(memory))
exporter = Watched(endpoint=f"{ENDPOINT}/v1/traces", compression=Compression.Gzip if COMPRESSION == "gzip" else Compression.NoCompression)
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("python.client", "0.9")

with tracer.start_as_current_span("GET /käse 🧀", kind=trace.SpanKind.SERVER) as root:
    root.set_attributes({"text": "ünïcode", "empty": "", "whole": 9007199254740993, "negative": -7, "real": 2.5, "yes": True, "no": False})
    root.set_attribute("list", ["a", "b"])
    root.set_attribute("numbers", [1, 2, 3])
    root.add_event("cache.miss", {"key": "cart:1", "tries": 2})
    link = trace.Link(root.get_span_context(), {"why": "retry"})
    with tracer.start_as_current_span("SELECT", kind=trace.SpanKind.CLIENT, links=[link]) as child:
        child.record_exception(ValueError("no rows"))
        child.set_status(trace.Status(trace.StatusCode.ERROR, "no rows"))
    with tracer.start_as_current_span("render") as last:
        last.set_status(trace.Status(trace.StatusCode.OK))

provider.shutdown()
if not RESULTS or any(result is not SpanExportResult.SUCCESS for result in RESULTS):
    sys.exit(f"the exporter reported {RESULTS}; accepted is SUCCESS alone")
spans = [as_json(span) for span in memory.get_finished_spans()]
scope = {"name": "python.client", "version": "0.9"}
resource_json = {"attributes": attributes(resource.attributes)}
print(json.dumps({"resourceSpans": [{"resource": resource_json, "scopeSpans": [{"scope": scope, "spans": spans}]}]}))
