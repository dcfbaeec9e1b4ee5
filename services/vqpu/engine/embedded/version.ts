export const EMBEDDED = 'embedded'
/** Of the engine itself: raised when the same seed may give other counts than before. */
export const EMBEDDED_VERSION = '1.0.0'
