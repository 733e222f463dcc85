/// A key of the keyboard, or text that was pasted.
enum Keystroke: Equatable, Sendable {
  case character(Unicode.Scalar)
  /// With the control key: the letter in lower case.
  case control(Unicode.Scalar)
  case enter, escape, tab, backspace, delete
  case up, down, left, right, home, end, pageUp, pageDown
  case pasted([Unicode.Scalar])
}

/// Makes keys of what a terminal sends, whatever the pieces it comes in. Sequences that mean nothing here are dropped; none takes memory
/// without bound.
struct KeyDecoder {
  private enum State {
    case ground
    /// Behind an escape: alone it is a key of its own.
    case escape
    /// `ESC O`, with one more byte to come.
    case application
    /// `ESC [` and what followed so far.
    case control([UInt8])
    /// The Linux console's function keys: `ESC [ [` and one more.
    case console
    /// A string meant for a terminal, up to its end; true behind an escape in it.
    case string(Bool)
    /// The first bytes of a character, and how many it has.
    case character([UInt8], Int)
    /// Pasted bytes, up to `ESC [ 201 ~`.
    case paste([UInt8])
    /// What comes of a paste that was given up, up to the same end; the last bytes.
    case lostPaste([UInt8])
  }

  private var state = State.ground
  /// How often nothing more came of a paste since something last did; nil = nothing came since it was given up.
  private var silences: Int? = 0
  /// Calls of `flush` after which a paste is given up.
  static let patience = 50
  /// Keys of a paste beyond this are dropped.
  static let pastedBytes = 4096
  private static let pasteEnd: [UInt8] = [0x1b, 0x5b, 0x32, 0x30, 0x31, 0x7e]

  /// Whether more is to come, unless what came was all: then `flush` after a moment.
  var isWaiting: Bool { if case .ground = state { false } else { true } }

  mutating func decode(_ bytes: some Sequence<UInt8>) -> [Keystroke] {
    var keys: [Keystroke] = []
    for byte in bytes {
      silences = 0
      take(byte, &keys)
    }
    return keys
  }

  /// Nothing more came for a moment: an escape was the key itself, and anything else half-sent is given up. A paste may take its time,
  /// because what comes of it later must not be taken for keys.
  mutating func flush() -> [Keystroke] {
    switch state {
    case .escape:
      state = .ground
      return [.escape]
    case .paste, .lostPaste: bearSilence()
    default: state = .ground
    }
    return []
  }

  private mutating func bearSilence() {
    guard let count = silences else { return }
    silences = count + 1
    guard count + 1 >= Self.patience else { return }
    if case .paste(let bytes) = state {
      // However long it takes: what comes next is still of the paste.
      state = .lostPaste(Array(bytes.suffix(Self.pasteEnd.count - 1)))
      silences = nil
    } else {
      // The end was lost too, and somebody types in vain.
      state = .ground
    }
  }

  private mutating func take(_ byte: UInt8, _ keys: inout [Keystroke]) {
    switch state {
    case .ground: ground(byte, &keys)
    case .escape: behindEscape(byte, &keys)
    case .application:
      state = .ground
      if let key = Self.letter(byte) { keys.append(key) }
    case .console: state = .ground
    case .control(let sequence): control(sequence, byte, &keys)
    case .string(let isEscaped):
      if byte == 0x07 || (isEscaped && byte == 0x5c) { state = .ground } else { state = .string(byte == 0x1b) }
    case .character(let start, let length): character(start + [byte], length, &keys)
    case .paste(var bytes):
      // Taken out before it is changed, so that it is not copied with every byte.
      state = .ground
      bytes.append(byte)
      if bytes.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) {
        keys.append(Self.pasted(bytes.dropLast(Self.pasteEnd.count)))
      } else {
        if bytes.count > Self.pastedBytes + 16 { bytes.remove(at: Self.pastedBytes) }
        state = .paste(bytes)
      }
    case .lostPaste(let bytes):
      let last = bytes.suffix(Self.pasteEnd.count - 1) + [byte]
      state = last.elementsEqual(Self.pasteEnd) ? .ground : .lostPaste(Array(last))
    }
  }

  private mutating func ground(_ byte: UInt8, _ keys: inout [Keystroke]) {
    switch byte {
    case 0x1b: state = .escape
    case 0x0d, 0x0a: keys.append(.enter)
    case 0x09: keys.append(.tab)
    case 0x08, 0x7f: keys.append(.backspace)
    case 0x01...0x1a: keys.append(.control(Unicode.Scalar(byte + 0x60)))
    case 0x20..<0x7f: keys.append(.character(Unicode.Scalar(byte)))
    case 0xc2..<0xe0: state = .character([byte], 2)
    case 0xe0..<0xf0: state = .character([byte], 3)
    case 0xf0..<0xf5: state = .character([byte], 4)
    default: break
    }
  }

  private mutating func behindEscape(_ byte: UInt8, _ keys: inout [Keystroke]) {
    switch byte {
    case 0x5b: state = .control([])
    case 0x4f: state = .application
    case 0x50, 0x58, 0x5d, 0x5e, 0x5f: state = .string(false)
    case 0x1b: keys.append(.escape)
    // With the Alt key: nothing is bound to these.
    default: state = .ground
    }
  }

  private mutating func control(_ sequence: [UInt8], _ byte: UInt8, _ keys: inout [Keystroke]) {
    switch byte {
    case 0x1b: state = .escape
    case 0x5b where sequence.isEmpty: state = .console
    case 0x40...0x7e:
      state = .ground
      finish(sequence, byte, &keys)
    case 0x20..<0x40: state = .control(sequence.count < 32 ? sequence + [byte] : sequence)
    default: state = .ground
    }
  }

  private mutating func finish(_ sequence: [UInt8], _ byte: UInt8, _ keys: inout [Keystroke]) {
    guard byte == 0x7e else {
      if let key = Self.letter(byte) { keys.append(key) }
      return
    }
    switch String(decoding: sequence.prefix { $0 != 0x3b }, as: UTF8.self) {
    case "1", "7": keys.append(.home)
    case "4", "8": keys.append(.end)
    case "3": keys.append(.delete)
    case "5": keys.append(.pageUp)
    case "6": keys.append(.pageDown)
    case "200": state = .paste([])
    default: break
    }
  }

  private mutating func character(_ bytes: [UInt8], _ length: Int, _ keys: inout [Keystroke]) {
    state = .ground
    guard let last = bytes.last, last & 0xc0 == 0x80 else {
      // Not its continuation: what it is by itself.
      if let last = bytes.last { take(last, &keys) }
      return
    }
    guard bytes.count == length else {
      state = .character(bytes, length)
      return
    }
    // C1 controls are no characters that anybody types.
    guard let text = String(validating: bytes, as: UTF8.self), let scalar = text.unicodeScalars.first, scalar.value >= 0xa0 else { return }
    keys.append(.character(scalar))
  }

  private static func letter(_ byte: UInt8) -> Keystroke? {
    switch byte {
    case 0x41: .up
    case 0x42: .down
    case 0x43: .right
    case 0x44: .left
    case 0x46: .end
    case 0x48: .home
    case 0x4d: .enter
    default: nil
    }
  }

  private static func pasted(_ bytes: some Collection<UInt8>) -> Keystroke {
    let text = String(decoding: bytes.prefix(pastedBytes), as: UTF8.self)
    return .pasted(text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) && $0 != "\u{fffd}" })
  }
}
