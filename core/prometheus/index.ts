// The translation of OTLP metrics to Prometheus, for the exporters `prometheus_remote_write` and `prometheus`.

export { compareText } from './labels.ts'
export { type FamilyType, type Strategy } from './names.ts'
export { type TranslationOptions, translationOf } from './options.ts'
export { type Exemplar, exemplarsByBucket, type NativeBuckets, type NativeHistogram, Point } from './point.ts'
export { type Family, type Layout, numberText, Series, Stream } from './stream.ts'
export { Sym, type Symbols } from './symbols.ts'
export { asPoints, numberPoint, type Refusals, type Taker, Translator } from './translate.ts'
export { type Converted, DeltaToCumulative, type DeltaOptions, deltaOptionsOf } from './delta.ts'
