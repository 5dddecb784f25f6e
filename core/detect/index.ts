// The door for components that look for personal data and secrets.

export { AnchorScan } from './anchor-scan.ts'
export { detectorsNamed, type DetectorOptions } from './built-in.ts'
export { Detection } from './detection.ts'
export { type Anchor, type Detector, type Finding, type Found, type Shape, SHAPES } from './detector.ts'
export { detectorOf } from './own-pattern.ts'
export { DETECTOR_NAMES, type DetectorName } from './names.ts'
