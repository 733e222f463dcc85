internal import Crypto
package func probe(_ b: [UInt8]) -> Int { SHA256.hash(data: b).reduce(0) { $0 + Int($1) } }
