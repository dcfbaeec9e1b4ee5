/** A circuit file imported by a flow is its text. */
declare module '*.qasm' {
  const source: string
  export default source
}
