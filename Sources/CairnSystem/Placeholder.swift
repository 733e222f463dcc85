enum CairnSystemPlaceholder {}
