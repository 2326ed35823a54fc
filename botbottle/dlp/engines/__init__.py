"""The matching engines: hyperscan where its wheel exists, Aho-Corasick and RE2 elsewhere."""
