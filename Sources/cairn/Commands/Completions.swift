import ArgumentParser

/// `cairn completions`
struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints completions for a shell.",
    discussion: """
      EXAMPLES
        cairn completions bash > ~/.local/share/bash-completion/completions/cairn
        cairn completions zsh > ~/.zfunc/_cairn
        cairn completions fish > ~/.config/fish/completions/cairn.fish
      """)

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish
  }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    let kind: CompletionShell = shell == .bash ? .bash : shell == .zsh ? .zsh : .fish
    print(Cairn.completionScript(for: kind))
  }
}
