enum CairnStoragePlaceholder {}
