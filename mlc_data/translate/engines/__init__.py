"""Translation engines: the protocol, CTranslate2, routing by language."""
