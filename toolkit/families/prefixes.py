"""Where the parts of a speech model stand in fairseq's state dict and in transformers'."""

W2V = "encoder.w2v_encoder.w2v_model."
CONV = W2V + "feature_extractor.conv_layers."
POS_CONV = W2V + "encoder.pos_conv."
HF_CONV = "encoder.feature_extractor.conv_layers."
HF_POS_CONV = "encoder.encoder.pos_conv_embed."
