// What receivers and clients of the trace protocol share of trust: whether a message may be believed, who may do what, and how a message is
// signed. Factories get the schemas from core/factory.ts.

export { type AuditFault, type AuditFound, rotatedFrom, verifyAudit } from './audit-verify.ts'
export { BEFORE_FIRST, chained, claimedLink, headIn, headOf, headText, type Link, ROTATED } from './audit-chain.ts'
export { canonicalJson, MAX_CANONICAL_DEPTH, NotCanonicalError } from './canonical-json.ts'
export { MessageTrust, type MessageTrustTools } from './message-trust.ts'
export { Origins, type Principal } from './origins.ts'
export { isSealed, sealMessage, type SealedPayload } from './sealed-payload.ts'
export { type MessageKeys, signMessage } from './sign-message.ts'
export { type Deed, permits } from './roles.ts'
export type { RolesConfig } from './roles-schema.ts'
export { integrityKey, sealingKey, signMessageWeb, type WebKeys } from './sign-message-web.ts'
export type { TrustConfig } from './trust-schema.ts'
export type { JsonObject, Reason, Rejection, Trusted, Verdict } from './verdict.ts'
