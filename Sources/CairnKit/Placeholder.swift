enum CairnKitPlaceholder {}
