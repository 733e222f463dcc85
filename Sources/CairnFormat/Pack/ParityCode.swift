import CCairn

/// Arithmetic in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, for single coefficients.
enum GaloisField {
  private static let exponentials: [UInt8] = {
    var value: UInt16 = 1
    return (0..<510).map { _ in
      defer {
        value <<= 1
        if value & 0x100 != 0 { value ^= 0x11d }
      }
      return UInt8(value)
    }
  }()
  private static let logarithms: [Int] = {
    var table = [Int](repeating: 0, count: 256)
    for power in 0..<255 { table[Int(exponentials[power])] = power }
    return table
  }()

  static func multiply(_ a: UInt8, _ b: UInt8) -> UInt8 {
    a == 0 || b == 0 ? 0 : exponentials[logarithms[Int(a)] + logarithms[Int(b)]]
  }

  /// - Precondition: `a` is not zero.
  static func inverse(_ a: UInt8) -> UInt8 { exponentials[255 - logarithms[Int(a)]] }
}

/// The Reed-Solomon code over k data and m parity shards: parity shard r holds at every position the sum of c(r, j) times data shard j,
/// where c(r, j) = 1 / ((k + r) xor j). This is a Cauchy matrix, so that any k of the k + m shards give the others.
package enum ParityCode {
  /// Rows of k coefficients, one row for each of `shards`.
  package static func encodingMatrix(data k: Int, shards: some Sequence<Int>) -> [UInt8] {
    shards.flatMap { shard in (0..<k).map { coefficient(k, shard, $0) } }
  }

  private static func coefficient(_ k: Int, _ shard: Int, _ data: Int) -> UInt8 { GaloisField.inverse(UInt8((k + shard) ^ data)) }

  /// Rows of k coefficients that give the lost data shards from the others and from as many parity shards. The inputs are the k data
  /// shards in order, with parity shard `parity[i]` in the place of data shard `lost[i]`.
  ///
  /// - Parameters:
  ///   - lost: numbers of data shards, without repetition.
  ///   - parity: as many numbers of parity shards, without repetition.
  package static func recoveryMatrix(data k: Int, lost: [Int], parity: [Int]) -> [UInt8] {
    let inverse = invert(parity.map { shard in lost.map { coefficient(k, shard, $0) } })
    var matrix: [UInt8] = []
    matrix.reserveCapacity(lost.count * k)
    for row in inverse {
      for data in 0..<k {
        if let place = lost.firstIndex(of: data) {
          matrix.append(row[place])
        } else {
          matrix.append(zip(row, parity).reduce(0) { $0 ^ GaloisField.multiply($1.0, coefficient(k, $1.1, data)) })
        }
      }
    }
    return matrix
  }

  /// Gauss-Jordan. Every square part of a Cauchy matrix has an inverse, and so has what elimination leaves of it.
  private static func invert(_ square: [[UInt8]]) -> [[UInt8]] {
    let count = square.count
    var rows = square.enumerated().map { index, row in row + (0..<count).map { $0 == index ? 1 : 0 } }
    for column in 0..<count {
      guard let pivot = rows.indices.first(where: { $0 >= column && rows[$0][column] != 0 }) else { continue }
      rows.swapAt(column, pivot)
      let scale = GaloisField.inverse(rows[column][column])
      rows[column] = rows[column].map { GaloisField.multiply($0, scale) }
      for other in rows.indices where other != column && rows[other][column] != 0 {
        let factor = rows[other][column]
        for index in rows[other].indices { rows[other][index] ^= GaloisField.multiply(factor, rows[column][index]) }
      }
    }
    return rows.map { Array($0[count...]) }
  }

  /// outputs = matrix · inputs, byte by byte.
  ///
  /// - Parameters:
  ///   - matrix: a row of coefficients, one for each input, for each output.
  ///   - inputs: 1 … 128 buffers of `length` bytes.
  ///   - outputs: 1 … 16 buffers of `length` bytes, apart from the inputs.
  package static func multiply(
    _ matrix: [UInt8], _ inputs: [UnsafeRawPointer], into outputs: [UnsafeMutableRawPointer], length: Int
  ) {
    precondition(matrix.count == inputs.count * outputs.count)
    let sources = inputs.map { Optional($0.assumingMemoryBound(to: UInt8.self)) }
    let targets = outputs.map { Optional($0.assumingMemoryBound(to: UInt8.self)) }
    cairn_gf_multiply(length, CInt(inputs.count), CInt(outputs.count), matrix, sources, targets)
  }

  /// CRC-64/XZ.
  package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 { cairn_crc64(bytes.baseAddress, bytes.count) }

  /// Whether Intel ISA-L does the arithmetic.
  package static var isAccelerated: Bool { cairn_has_isal() != 0 }
}
