# A real client: the OpenTelemetry SDK for Python makes a few spans, data points and log records, and gives the same ones to an exporter for each
# target, one after the other. Prints, as JSON, what each exporter said. Certificates come from the SDK's own environment variables,
# and LARGE_BYTES is the size of one attribute.
# usage: python python_client.py RUN [grpc|http,ENDPOINT,none|gzip]...

import json
import os
import sys
import time

import grpc
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

RUN, *TARGETS = sys.argv[1:]
RESOURCE = Resource.create({"service.name": "python-shop", "service.version": "1.2.3", "run": RUN})
SCOPE = ("python.client", "0.9")


def make_spans(tracer, counter, logger):
    with tracer.start_as_current_span("GET /käse 🧀", kind=trace.SpanKind.SERVER) as root:
        root.set_attributes({"text": "ünïcode", "empty": "", "whole": 9007199254740993, "negative": -7, "real": 2.5, "yes": True, "no": False})
        root.set_attribute("list", ["a", "b"])
        root.set_attribute("numbers", [1, 2, 3])
        root.set_attribute("endless", float("inf"))
        root.set_attribute("large", "x" * int(os.environ.get("LARGE_BYTES", "0")))
        root.add_event("cache.miss", {"key": "cart:1", "tries": 2})
        link = trace.Link(root.get_span_context(), {"why": "retry"})
        with tracer.start_as_current_span("SELECT", kind=trace.SpanKind.CLIENT, links=[link]) as child:
            child.record_exception(ValueError("no rows"))
            child.set_status(trace.Status(trace.StatusCode.ERROR, "no rows"))
        with tracer.start_as_current_span("render") as last:
            last.set_status(trace.Status(trace.StatusCode.OK))
        # Within a span: the data point has an exemplar, the log record the ids of the span.
        counter.add(9007199254740993, {"route": "/käse"})
        log(logger, SeverityNumber.ERROR2, {"nested": {"list": [1, 2.5, "three", True, None], "whole": 9007199254740993}, "bytes": b"\x00\xff"})


def log(logger, severity, body):
    attributes = {"text": "ünïcode", "whole": -9223372036854775808, "map": {"deep": {"er": 1}}, "mixed": ["a", "b"]}
    # The SDK takes the context that is current.
    logger.emit(
        LogRecord(
            timestamp=time.time_ns(),
            observed_timestamp=time.time_ns(),
            severity_text=severity.name,
            severity_number=severity,
            body=body,
            attributes=attributes,
            event_name="cart.opened",
        )
    )


def make_points(meter):
    meter.create_up_down_counter("carts", "{cart}", "Carts that are open.").add(-3)
    # It drops values that are not finite by itself.
    meter.create_gauge("temperature", "Cel").set(-0.5, {"place": "cellar"})
    for name in ("duration", "exponential"):
        histogram = meter.create_histogram(name, "s")
        for value in (0, 0.001, 0.2, 7, 12345.678):
            histogram.record(value, {"route": "/"})


def made():
    """Spans, data points and log records, as the SDK hands them to an exporter."""
    spans, logs, reader = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()
    tracers, loggers = TracerProvider(resource=RESOURCE), LoggerProvider(resource=RESOURCE)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    exponential = View(instrument_type=Histogram, instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
    meters = MeterProvider([reader], RESOURCE, views=[exponential])
    meter, logger = meters.get_meter(*SCOPE), loggers.get_logger(*SCOPE)
    make_spans(tracers.get_tracer(*SCOPE), meter.create_counter("requests", "{request}", "Requests served."), logger)
    make_points(meter)
    log(logger, SeverityNumber.INFO, "ein Käse")
    return list(spans.get_finished_spans()), reader.get_metrics_data(), list(logs.get_finished_logs())


def export(target, spans, metrics, logs):
    protocol, endpoint, compression = target.split(",")
    if protocol == "grpc":
        options = {"endpoint": endpoint, "compression": grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression}
        exporters = GrpcSpans(**options), GrpcMetrics(**options), GrpcLogs(**options)
    else:
        coding = Compression.Gzip if compression == "gzip" else Compression.NoCompression
        kinds = (HttpSpans, "traces"), (HttpMetrics, "metrics"), (HttpLogs, "logs")
        exporters = tuple(kind(endpoint=f"{endpoint}/v1/{path}", compression=coding) for kind, path in kinds)
    results = [exporter.export(items).name for exporter, items in zip(exporters, (spans, metrics, logs))]
    for exporter in exporters:
        exporter.shutdown()
    return results


items = made()
print(json.dumps([export(target, *items) for target in TARGETS]))
