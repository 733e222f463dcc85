/// Gives out the largest of what was put in. Belongs to one thread.
struct MaxHeap<Element> {
  private(set) var elements: [Element] = []
  private let isBefore: (Element, Element) -> Bool

  /// - Parameter isBefore: a strict order: whether the first is smaller than the second.
  init(by isBefore: @escaping (Element, Element) -> Bool) { self.isBefore = isBefore }

  var count: Int { elements.count }
  var largest: Element? { elements.first }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, isBefore(elements[(child - 1) / 2], elements[child]) {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the largest out; nil when there is none.
  mutating func popLargest() -> Element? {
    guard let last = elements.popLast() else { return nil }
    guard let top = elements.first else { return last }
    elements[0] = last
    var parent = 0
    while true {
      var largest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < count && isBefore(elements[largest], elements[child]) { largest = child }
      if largest == parent { return top }
      elements.swapAt(parent, largest)
      parent = largest
    }
  }

  /// Forgets all but so many of the largest.
  mutating func keepLargest(_ count: Int) {
    let isBefore = isBefore
    elements.sort { isBefore($1, $0) }
    if elements.count > count { elements.removeLast(elements.count - count) }
  }
}
