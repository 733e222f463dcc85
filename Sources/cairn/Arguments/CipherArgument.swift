import ArgumentParser
import CairnFormat

/// What new frames are sealed with, by the usual names of the ciphers.
enum CipherArgument: String, ExpressibleByArgument, CaseIterable {
  case aes256GCM = "aes-256-gcm"
  case xchacha20Poly1305 = "xchacha20-poly1305"

  var cipher: FrameCipher { self == .aes256GCM ? .aes256GCM : .xchacha20Poly1305 }

  init(_ cipher: FrameCipher) { self = cipher == .aes256GCM ? .aes256GCM : .xchacha20Poly1305 }
}
