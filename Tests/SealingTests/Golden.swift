/// Bytes of version 1 of the formats.
enum Golden {
    static let content =
        "636c667365616c00010200000000000100112233445566778899aabbccddeeff"
        + "88ef4feb90ec69ba4b03602e8598de9c67586885aa24c66e7fabfd4b50fe9fd4"
        + "1abd3957bbd12426cb3bbb1635e03a16eab5a740b61a93e9e194af5d01cbb30f9ae399e62eed"

    static let keyFile = """
        clusterf-key 1
        scrypt 2 1 1 00e0efadd9a564bd99df5139b29d4172462faa72037d6c0e90dad0ed1298041b
        key 1 270f55d8ca70fd8c702a17d783e617c971245500976236a2d6506ac09c8e3a7c948d9592f9f7e3596c4d5a1e598263ab6419752017060241ddf990b6
        sum 93a6639bc9988f5f00a94be6d67d4c279e8c12bfc864103d3435880acd2ad2e3

        """

    static let page =
        "46ebe0d36ccc" + "00000001" + "ba69ec90eb4fef889cde98852e60034b" + "0000000000000001"
        + "7e4c0d455dde2b625224af387513e75f"
}
